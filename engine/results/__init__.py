"""The run folder: every table, file and column that a finished run leaves behind."""
