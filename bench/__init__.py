"""Measurements: `python -m bench --help` says which. They never stand in `make test`."""
