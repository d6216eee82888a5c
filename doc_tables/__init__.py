"""The generated tables and pictures of ``docs/``: one module a page, ``make pages`` writes them."""
