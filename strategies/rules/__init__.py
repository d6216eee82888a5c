"""Provide the playbook `rules`: a trader's rules written as expressions in the run's YAML file."""
