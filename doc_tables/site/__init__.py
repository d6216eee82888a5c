"""The documentation as a site: pages staged from ``docs/`` and built by mkdocs-material."""
