"""The benchmark of a run: what it holds, its daily returns, its costs."""
