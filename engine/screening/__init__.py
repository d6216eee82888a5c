"""Screening: many parameter sets of one playbook simulated by one compiled loop."""
