"""Servers on the loopback interface that speak the venues' formats, with faults on request."""
