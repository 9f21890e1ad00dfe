"""The desk: receives interactions, takes decisions, remembers them for training. The only writer of requests."""
