"""Ports that we listen on: asked for before they are opened, so that the answer names the flag for another one."""

import socket

from models.errors import Misconfigured

BACKLOG = 2048
"""Connections that wait to be taken, at most, as uvicorn has it."""
KEEP_ALIVE_SECONDS = 150
"""How long a connection without a request stays open: longer than a proxy in front of us keeps it (nginx 60 s, Heroku
90 s, Caddy 120 s). Who closes first loses what the other is just sending, a webhook for instance."""


def check_port(host: str, port: int) -> None:
    """Refuse a port that somebody else listens on.

    Raises:
        Misconfigured: naming the flag that chooses another.

    """
    _bound(host, port).close()


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections, for a process that may be started again: callers wait meanwhile.

    Raises:
        Misconfigured: as above.

    """
    listening = _bound(host, port)
    listening.listen(BACKLOG)
    return listening


def inherited(fd: int) -> socket.socket:
    """A socket that whoever started us listens on.

    Raises:
        Misconfigured: it is none.

    """
    try:
        return socket.socket(fileno=fd)
    except OSError as error:
        raise Misconfigured(public=f"--fd {fd}: {error.strerror}; leave it out to listen on the web port") from error


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise Misconfigured(
            public=f"Port {port} on {host}: {error.strerror}; see --smtp-port, --lmtp-port, --web-port and --bind"
        ) from error
    return bound
