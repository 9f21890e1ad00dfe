"""What the wire needs to know and to count: whose mail we take, from whom, how much and for how long."""

import asyncio
import inspect
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Protocol

import structlog

from intake import addresses
from models.terms import Envelope

Accept = Callable[[Envelope, bytes], Awaitable[None]]
"""Stores a mail and has committed when it is awaited to its end, or raises SwitchboardError.

Who awaits it may be cancelled, because the client went away; what was begun is finished all the same.
"""
Networks = tuple[IPv4Network | IPv6Network, ...]
MOST_SENDERS = 50_000
"""How many senders of one minute are counted; more of them are no single sender's flood."""
TELL_EVERY = 10.0
"""Seconds between two log lines about refused connections."""

log = structlog.get_logger()


class Line(Protocol):
    """An open connection; `busy` while a mail is read or stored."""

    busy: bool

    def hang_up(self, text: bytes) -> None:
        """Say a last line and close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the wire waits, in seconds (RFC 5321 §4.5.3.2), and how slowly a mail may drip in.

    `least_rate` is in bytes a second, over the whole mail, once `grace` has passed; `look` is how
    often a line is looked at: no time-out is more precise than that.
    """

    idle: float = 300.0
    transaction: float = 3_600.0
    grace: float = 30.0
    least_rate: int = 500
    proxy: float = 5.0
    handshake: float = 30.0
    shutdown: float = 30.0
    look: float = 5.0


@dataclass(kw_only=True)
class Gateway:
    """One gateway: its settings, and what its connections share.

    `accept` may also be a plain function: it is run in a thread.

    `proxies` are the peers that must, and alone may, name the client's address by the PROXY
    protocol. `trusted_relays` bring everybody's mail over few addresses, so that no limit on their
    connections holds; a sender's limit of mails a minute does.
    """

    accept: Accept | Callable[[Envelope, bytes], None]
    own_addresses: frozenset[str]
    max_bytes: int
    hostname: str
    trusted_relays: Networks = ()
    proxies: Networks = ()
    tls: ssl.SSLContext | None = None
    require_tls: bool = False
    connections_per_peer: int = 50
    connections: int = 5_000
    mails_per_sender: int = 600
    patience: Patience = Patience()
    open: set[Line] = field(default_factory=set)
    peers: Counter[str] = field(default_factory=Counter)
    closing: bool = False

    def __post_init__(self) -> None:
        """Work out what every command asks for."""
        self.store: Accept = self.accept if inspect.iscoroutinefunction(self.accept) else _in_thread(self.accept)
        self._own = frozenset(addresses.key(each) for each in self.own_addresses)
        self._domains = frozenset(each.rpartition("@")[2] for each in self._own)
        self.domain = min(self._domains, default="localhost")
        self._senders: Counter[str] = Counter()
        self._minute = 0
        self._refused = 0
        self._told = 0.0

    def is_ours(self, address: str) -> bool:
        """Whether we take mail for this address: our own, tagged or not, and postmaster (RFC 5321 §4.5.1)."""
        wanted = addresses.key(address)
        if wanted in self._own:
            return True
        local, _, domain = wanted.rpartition("@")
        return local == "postmaster" and domain in self._domains

    def enter(self, peer: str) -> bool:
        """Count a connection of this peer; False if it has its share already, or the gateway all it can serve."""
        share = share_of(peer)
        self.peers[share] += 1
        too_many = self.peers[share] > self.connections_per_peer and not is_in(peer, self.trusted_relays)
        if not too_many and len(self.open) <= self.connections:
            return True
        self._refused += 1
        now = time.monotonic()
        if now - self._told >= TELL_EVERY:
            log.warning("connections.refused", count=self._refused, open=len(self.open))
            self._told, self._refused = now, 0
        return False

    def leave(self, peer: str) -> None:
        """Count a connection of this peer as ended."""
        share = share_of(peer)
        self.peers[share] -= 1
        if self.peers[share] <= 0:
            del self.peers[share]

    def is_flooded(self, sender: str, peer: str) -> bool:
        """Whether this return path has sent its share in this minute; bounces count for the peer that brings them."""
        self._turn()
        return self._senders[_flow(sender, peer)] >= self.mails_per_sender

    def count_mail(self, sender: str, peer: str) -> None:
        """Count a mail that was stored."""
        self._turn()
        flow = _flow(sender, peer)
        if flow in self._senders or len(self._senders) < MOST_SENDERS:
            self._senders[flow] += 1

    def _turn(self) -> None:
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute = minute
            self._senders.clear()


def is_in(peer: str, networks: Networks) -> bool:
    """Whether a peer's address is in one of the networks."""
    if not networks:
        return False
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def share_of(peer: str) -> str:
    """Whom a peer's connections are counted for: the address, or the /64 that one IPv6 customer has."""
    if ":" not in peer:
        return peer
    address = IPv6Address(peer.partition("%")[0])
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))


def _in_thread(accept: Callable[[Envelope, bytes], Any]) -> Accept:
    async def store(envelope: Envelope, content: bytes) -> None:
        await asyncio.shield(asyncio.to_thread(accept, envelope, content))

    return store


def _flow(sender: str, peer: str) -> str:
    return addresses.key(sender) if sender else f"<>{share_of(peer)}"
