"""Checks of the code blocks and commands that pages show."""
