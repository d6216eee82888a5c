"""Riskoff's engine: rules, risk, broker, books, reports. Start reading at ``engine.run``."""

__version__ = "0.1.0"
