"""The results of a finished run, and the contents of its folder."""
