"""Make the generated tables and pictures of ``docs/``, one module a page; see ``make pages``."""
