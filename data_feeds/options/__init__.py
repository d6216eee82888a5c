"""Puts that no file quotes: contracts, a stated smile, prices, and their quotes as channels."""
