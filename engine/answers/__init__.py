"""Answers about finished runs: a trade, an instant, a day, what kept a playbook out."""
