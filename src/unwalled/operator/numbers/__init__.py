"""What the operator counts, remembers and tells: live state, history, alarms, totals, and numbers for Prometheus."""
