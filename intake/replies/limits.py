"""How often anybody is answered: once per sender and window, so many an hour per domain, so many an hour altogether.

What no header tells (an absence notice without a mark, another help desk that answers every answer) these end.
RFC 3834 §2 and RFC 5230 §4.2 ask for the window; the caps are the last fuse. All count by the database's clock.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.orm import Session

from intake.addresses import key
from intake.replies import marks
from models import tables

EVERYBODY = "*"
"""Stands for all domains where replies are counted."""
PROVIDER_FACTOR = 10
"""How many times as many replies go to a mail provider, where thousands of strangers are, as to an organisation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Replies an hour at most: to one domain, and altogether.

    `is_provider` tells a domain where anybody can have an address.
    """

    domain: int = 30
    everybody: int = 1_000
    is_provider: Callable[[str], bool] = field(default=lambda _domain: False)


def sender_key(address: str) -> str:
    """The form in which two addresses are one sender: no tags, no letter case, no return path rewritten on the way."""
    local, _, domain = address.rpartition("@")
    if signed := marks.BATV.fullmatch(local):
        local = signed[1]
    if forwarded := marks.SRS.fullmatch(local):
        domain, local = forwarded[1], forwarded[2]
    return key(f"{local}@{domain}")


def refused(session: Session, policy: str, sender: str, window: timedelta, caps: Caps) -> tuple[str, str] | None:
    """Which limit forbids one more reply to a sender, with its evidence; None: the reply is counted.

    Whatever was counted before a limit refused is undone, so that a full hour costs nobody his window.
    """
    with session.begin_nested() as attempt:
        found = _used_up(session, policy, sender_key(sender), window, caps)
        if found is not None:
            attempt.rollback()
    return found


def _used_up(session: Session, policy: str, whom: str, window: timedelta, caps: Caps) -> tuple[str, str] | None:
    domain = whom.rpartition("@")[2]
    cap = caps.domain * (PROVIDER_FACTOR if caps.is_provider(domain) else 1)
    if not tables.mail.open_window(session, policy, whom, window):
        return "window", "answered within the reply window"
    if not tables.mail.count_reply(session, domain, cap):
        return "domain-cap", f"{cap} replies to {domain} in this hour"
    if not tables.mail.count_reply(session, EVERYBODY, caps.everybody):
        return "cap", f"{caps.everybody} replies in this hour"
    return None
