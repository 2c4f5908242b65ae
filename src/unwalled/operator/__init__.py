"""Broker, gateway and site in one process."""
