"""The limit of waits in tests: it ends a test that hangs, however slow a loaded machine is."""

HANGS_S = 300
