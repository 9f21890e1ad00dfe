"""Is a port free? Asked before it is opened, so that the answer names the flag that chooses another."""

import socket

from models.errors import Misconfigured


def check_port(host: str, port: int) -> None:
    """Refuse a port that somebody else listens on.

    Raises:
        Misconfigured: naming the flag that chooses another.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Misconfigured(
                public=f"Port {port} on {host}: {error.strerror}; see --smtp-port, --lmtp-port, --web-port and --bind"
            ) from error
