"""The run folder: its schema, its seals, its writer and its reader."""
