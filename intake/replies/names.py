"""Looking a server's name up without waiting for a dead name server longer than one can."""

import os
import socket
import threading
from ipaddress import ip_address
from queue import Empty, SimpleQueue

Found = SimpleQueue[list[str] | OSError]

_asking: dict[int, threading.Thread] = {}
"""The look-up that is under way, by process: a forked child does not wait for its parent's."""


def addresses(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of a host, as the system finds them.

    The system's own look-up cannot be broken off, so it runs in a thread of its own: one at most, however often
    somebody asks while the name server is dead.

    Raises:
        OSError: it has none, or (TimeoutError) that could not be found out in time.

    """
    if _is_address(host):
        return [host]
    before = _asking.get(os.getpid())
    if before is not None and before.is_alive():
        raise TimeoutError(f"the name {host} is still being looked up")
    found: Found = SimpleQueue()
    thread = threading.Thread(target=_ask, args=(host, port, found), daemon=True)
    _asking[os.getpid()] = thread
    thread.start()
    try:
        answer = found.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"the name {host} could not be looked up in time") from None
    thread.join(1)
    if isinstance(answer, OSError):
        raise answer
    return answer


def _ask(host: str, port: int, found: Found) -> None:
    try:
        known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found.put(list(dict.fromkeys(str(each[4][0]) for each in known)))
    except OSError as error:
        found.put(error)
    except UnicodeError as error:
        found.put(OSError(f"{host} is no name: {error}"))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
