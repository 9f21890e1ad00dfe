"""Ports for servers of tests."""

import secrets
import socket

PORTS = range(20_000, 32_000)
"""Below those that Linux gives to outgoing connections, one of which might take the port before its server does."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
