"""Pages and texts about finished runs."""
