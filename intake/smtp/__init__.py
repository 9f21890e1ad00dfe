"""Mail by SMTP and LMTP: the wire, its limits, and the writer behind it."""
