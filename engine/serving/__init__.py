"""One local page over everything that a working folder holds; read-only, this machine alone."""

from engine.serving.local_server import LocalServer

__all__ = ["LocalServer"]
