"""The folder of a finished run: its schema, writing it, reading it back."""
