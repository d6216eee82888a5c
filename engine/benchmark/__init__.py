"""Compute the benchmark of a run: its weights, daily returns and costs."""
