"""Several playbooks in one account: each a sleeve with its own cash, positions and books."""
