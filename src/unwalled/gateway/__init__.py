"""Ends sessions and dials the sites."""
