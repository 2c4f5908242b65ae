"""Gateway workers: processes that hold the sessions, one for each core."""
