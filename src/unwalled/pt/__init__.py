"""Tor's interface: ``unwalled pt`` is a managed pluggable transport, at the client's and at the bridge's side."""
