"""Is a process doing its work? One question each, for `up`, Docker and people."""

import smtplib
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx2

from switchboard.lines import Switchboard
from switchboard.settings import Settings
from workers.app import answers

PULSE = Path(tempfile.gettempdir())
"""Where beat leaves its pulse file."""


def pulse_file(settings: Settings) -> Path:
    """The file beat touches at each sweep: in the data directory if there is one."""
    folder = settings.data_dir if settings.data_dir.is_dir() else PULSE
    return folder / "beat.pulse"


def smtp(house: Switchboard) -> bool:
    """Whether the gateway greets and says goodbye."""
    settings = house.settings
    port = settings.smtp_port or settings.lmtp_port
    try:
        with smtplib.SMTP(_host(settings.smtp_host or settings.bind), port, timeout=5) as client:
            return client.noop()[0] == 250  # noqa: PLR2004 - RFC 5321 §4.2: completed
    except (OSError, smtplib.SMTPException):
        return False


def web(house: Switchboard) -> bool:
    """Whether the web and what it stands on are ready."""
    url = f"http://{_host(house.settings.bind)}:{house.settings.web_port}/readyz"
    try:
        return httpx2.get(url, timeout=5).is_success
    except httpx2.HTTPError:
        return False


def worker(house: Switchboard) -> bool:
    """Whether a worker answers through Redis."""
    return answers(house.celery)


def beat(house: Switchboard) -> bool:
    """Whether beat sent a sweep lately."""
    path = pulse_file(house.settings)
    limit = 3 * house.settings.sweep_seconds + 10
    return path.exists() and time.time() - path.stat().st_mtime < limit


def _host(bound: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound, bound)  # noqa: S104 - where to ask, not where to listen


CHECKS: Mapping[str, Callable[[Switchboard], bool]] = {"smtp": smtp, "web": web, "worker": worker, "beat": beat}


def expected(settings: Settings) -> Mapping[str, bool]:
    """Which processes an `up` with these settings has."""
    return {
        "worker": True,
        "smtp": bool(settings.smtp_port or settings.lmtp_port),
        "web": bool(settings.web_port),
    }
