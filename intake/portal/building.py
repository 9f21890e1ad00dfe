"""What the portal is built of, and what a visitor must show before anything is read or looked up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from ipaddress import ip_address
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Request
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from intake.portal import links, ordering
from intake.portal.asked import Field, PlainPolicy, Policy
from intake.portal.pages import Refusal
from intake.portal.throttle import Throttle
from intake.portal.uploads import Limits
from models.ports import Clock, Receive, Wake
from models.terms import Asked, ClientView

A_MINUTE = 10
"""Requests that one address, and one machine on the net, may open in a minute."""
A_MINUTE_NEARBY = 300
"""The same for a machine of our own network: it is a proxy, and stands for many."""
Standing = Callable[[Session, UUID, datetime], ClientView]
"""Where a request stands, in the customer's words, and the steps that are theirs."""
TakeStep = Callable[[Session, UUID, str, Mapping[str, str], datetime], None]
"""Take a step of the customer's; Conflict, Forbidden and Invalid say in `public` why it was not taken."""
Missing = Callable[[Session, UUID], tuple[Asked, ...]]
"""What the policy would still like to be told of a request, each with its reason."""
PREFETCH_HEADERS = ("purpose", "x-purpose", "sec-purpose", "x-moz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """What the portal needs: a database, the desk, who signs links, the time, who wakes the worker, the policies.

    `region` is the ISO 3166 country of telephone numbers without a country code, `zone` the zone of
    readers of whose clock we know nothing. Without `standing`, `step` or `missing` its page shows none of theirs.
    """

    engine: Engine
    receive: Receive
    serializer: URLSafeTimedSerializer
    clock: Clock
    wake: Wake
    zone: str = "UTC"
    policies: Mapping[str, Policy] = field(default_factory=dict)
    default_policy: str = ""
    region: str = "US"
    support_phone: str = ""
    limits: Limits = field(default_factory=Limits)
    throttle: Throttle = field(default_factory=Throttle)
    standing: Standing | None = None
    step: TakeStep | None = None
    missing: Missing | None = None

    def policy(self, name: str) -> Policy:
        """The policy with this id; the plain form where it is gone."""
        return self.policies.get(name) or PlainPolicy()

    def fields(self, policy: Policy) -> dict[str, Field]:
        """Every question a request of this policy may have been asked, by name: its own, then those of other forms."""
        found = {each.name: each for each in policy.fields}
        for other in (policy, *self.policies.values()):
            for each in (*other.fields, *ordering.shown(other)):
                found.setdefault(each.name, each)
        return found

    @property
    def home(self) -> tzinfo:
        """The zone of readers of whose clock we know nothing."""
        return ZoneInfo(self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who holds a link: which request it names, and whether it is its reporter's own (else a colleague's)."""

    request: UUID
    token: str
    is_own: bool = True


def wanted(portal: Portal, token: str, purpose: str) -> UUID:
    """The request that a link of this purpose names, by its signature alone.

    Raises:
        Refusal: the link is not ours, is for another page, or was changed: one page for all of these. Only
            who holds a link that once worked is told that it is too old.

    """
    request = _named(portal, token, purpose)
    if request is None:
        raise Refusal(404, "gone_title", "gone_text")
    return request


def visited(portal: Portal, token: str) -> Visit:
    """Who asks for the page that tells where a request stands, by the signature of their link alone.

    Raises:
        Refusal: as for `wanted`.

    """
    shared = _named(portal, token, links.SHARED)
    if shared is not None:
        return Visit(request=shared, token=token, is_own=False)
    return Visit(request=wanted(portal, token, links.STATUS), token=token)


def _named(portal: Portal, token: str, purpose: str) -> UUID | None:
    try:
        return links.request_of(portal.serializer, token, purpose)
    except links.TooOld as error:
        raise Refusal(404, "gone_title", "old_text") from error


def check_origin(request: Request) -> None:
    """Refuse a form that a browser says another website sent.

    There is no cookie to misuse, but a page elsewhere could let its visitors open requests here by
    the thousand. Only Sec-Fetch-Site is asked (Fetch Metadata): under our own no-referrer policy
    browsers send `Origin: null` even from our own pages, and what is no browser sends neither.

    Raises:
        Refusal: it was sent from another site.

    """
    if request.headers.get("sec-fetch-site") == "cross-site":
        raise Refusal(403, "refused_title", "foreign_text")


def check_turn(portal: Portal, *key: str, a_minute: int = A_MINUTE) -> None:
    """Count an attempt to open a request.

    Raises:
        Refusal: there were too many under this key in the last minute.

    """
    seconds = portal.throttle.wait(a_minute, "portal", *key)
    if seconds:
        raise Refusal(429, "busy_title", "busy_text", about=str(seconds), retry=seconds)


def check_machine(portal: Portal, request: Request) -> None:
    """Count an attempt by the machine that sends it, before its form is read.

    Raises:
        Refusal: there were too many from it in the last minute.

    """
    host = request.client.host if request.client else ""
    try:
        nearby = not ip_address(host).is_global
    except ValueError:
        nearby = True
    check_turn(portal, "machine", host, a_minute=A_MINUTE_NEARBY if nearby else A_MINUTE)


def is_reader(request: Request) -> bool:
    """Whether a person, as far as a request tells, is looking at the page: no HEAD, no prefetch.

    Mail security scanners open links like browsers do and are not told apart: they may be counted.
    """
    said = " ".join(request.headers.get(name, "") for name in PREFETCH_HEADERS).lower()
    return request.method == "GET" and not any(word in said for word in ("prefetch", "prerender", "preview"))
