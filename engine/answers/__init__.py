"""Answer questions about finished runs: a trade, an instant, a day, why there was no entry."""
