"""Our own check of SPF, DKIM and DMARC, where no trusted relay made one: needs the extra `mailauth`.

RFC 7208 (SPF), RFC 6376 (DKIM), RFC 9989 (DMARC, which finds organisations by a tree walk). Bounded in
time, and it never raises: what could not be found out is "none", so that a slow name server neither
holds mail up nor brands anybody a forger.
"""

import importlib
import re
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from types import ModuleType
from typing import Any, Protocol
from uuid import UUID

import structlog
from sqlalchemy import Engine

from intake.addresses import a_labels, mailboxes
from intake.imap.delivered import head_fields
from intake.replies.authentication import UNKNOWN, Result, Verdict, judged
from models import tables
from models.errors import Misconfigured
from models.store import transaction
from models.terms import Envelope, MailState

LOOKUP_SECONDS = 2.0
CHECK_SECONDS = 5.0
"""For all look-ups of one mail; signatures that are not checked by then count as none."""
LARGEST = 10_000_000
"""Bytes of a mail whose signatures are checked."""
MOST_SIGNATURES = 4
MOST_AUTHORS = 3
MOST_LABELS = 7
"""Labels of the longest name above the author's that is asked (RFC 9989 §4.10)."""
SMALLEST_KEY = 1024
"""Bits (RFC 8301 §3.2)."""
LIBRARIES = ("dkim", "spf", "dns.resolver")

Lookup = Callable[[str, str, float], Sequence[Any]]
"""The records of a name and type ("TXT": tuples of byte strings, "A": text, "MX": preference and name …) within so many
seconds; empty if there are none. Raises TimeoutError, or another OSError, if that cannot be told now."""

log = structlog.get_logger()


class Checker(Protocol):
    """Says whether a mail's sender is who he says."""

    def __call__(self, envelope: Envelope, raw: bytes) -> Verdict:
        """Give the verdict; never raises."""
        ...


class OwnCheck:
    """Asks the name system for SPF, DKIM and DMARC. Building it fails if the libraries are not there.

    Raises:
        Misconfigured: the extra `mailauth` is not installed.

    """

    def __init__(self, lookup: Lookup | None = None) -> None:
        try:
            self._dkim, self._spf, resolver = map(importlib.import_module, LIBRARIES)
        except ImportError as error:
            raise Misconfigured(
                public=f"SWITCHBOARD_CHECK_AUTHENTICATION needs the extra `mailauth` ({error.name} is missing): "
                "install switchboard[mailauth], or switch it off"
            ) from error
        self._lookup = lookup or _resolving(resolver)

    def __call__(self, envelope: Envelope, raw: bytes) -> Verdict:
        """The verdict on the envelope sender, and on the From that DMARC speaks for; "none" if anything fails."""
        try:
            return self._verdict(envelope, raw)
        except Exception as error:  # noqa: BLE001 - the libraries raise whatever a hostile record makes them
            log.warning("authentication.failed", error=type(error).__name__)
            return UNKNOWN

    def _verdict(self, envelope: Envelope, raw: bytes) -> Verdict:
        lookup = Bounded(self._lookup, CHECK_SECONDS)
        results = [Result(method="spf", result=self._by_spf(envelope, lookup), domain=_domain(envelope.mail_from))]
        signers = self._signers(raw, lookup) if len(raw) <= LARGEST else []
        results += [Result(method="dkim", result="pass", domain=each) for each in signers]
        results += self._by_dmarc(raw, results, lookup)
        return judged(results, mail_from=envelope.mail_from)

    def _by_spf(self, envelope: Envelope, lookup: "Bounded") -> str:
        try:
            peer = str(ip_address(envelope.peer))
        except ValueError:
            return "none"  # taken from a mailbox or a pipe: nobody knows who sent it
        asked = self._spf.query(i=peer, s=envelope.mail_from, h=envelope.helo or "unknown", timeout=0, querytime=0)

        def records(name: str, kind: str, *_: Any, **__: Any) -> list[Any]:
            try:
                return list(lookup(str(name).rstrip(".").lower(), kind))
            except OSError as error:
                raise self._spf.TempError(f"DNS {error}") from error

        asked.dns = records
        return str(asked.check()[0])

    def _signers(self, raw: bytes, lookup: "Bounded") -> list[str]:
        """The domains whose signatures hold, over the From at least (RFC 6376 §5.4)."""
        found = []
        count = sum(name == "dkim-signature" for name, _ in head_fields(raw))
        for number in range(min(count, MOST_SIGNATURES)):
            check = self._dkim.DKIM(raw, minkey=SMALLEST_KEY, timeout=LOOKUP_SECONDS)
            try:
                if check.verify(idx=number, dnsfunc=lambda name, timeout=0: lookup.txt(name)):  # noqa: ARG005 - dkimpy's
                    found.append(_domain(check.domain.decode("ascii", "replace")))
            except Exception as error:  # noqa: BLE001 - a broken signature is worth as much as none
                log.debug("signature.failed", error=type(error).__name__)
        return found

    def _by_dmarc(self, raw: bytes, results: list[Result], lookup: "Bounded") -> list[Result]:
        """One result for each author: all of them must be vouched for (RFC 9989 §5.3.1 leaves several to us)."""
        fields = head_fields(raw)
        authors = {_domain(box.address) for name, value in fields if name == "from" for box in mailboxes(value)}
        passed = [(each.method, each.domain) for each in results if each.result == "pass"]
        return [_policy(author, passed, lookup) for author in sorted(authors - {""})[:MOST_AUTHORS]]


def _policy(author: str, passed: Iterable[tuple[str, str]], lookup: "Bounded") -> Result:
    """What the author's domain wants of mail in its name: "none" if it says nothing, or cannot be asked."""
    try:
        organisation, record = _published(author, lookup)
    except OSError:
        return Result(method="dmarc", result="temperror", domain=author)
    if not record:
        return Result(method="dmarc", result="none", domain=author)
    for method, domain in passed:
        strict = record.get("aspf" if method == "spf" else "adkim", "r") == "s"
        if domain == author or (not strict and _is_below(domain, organisation)):
            return Result(method="dmarc", result="pass", domain=author)
    return Result(method="dmarc", result="fail", domain=author)


def _published(author: str, lookup: "Bounded") -> tuple[str, dict[str, str]]:
    """The organisation's domain and the record that holds for the author's, by the tree walk (RFC 9989 §4.10)."""
    labels = author.split(".")
    organisation = author
    record: dict[str, str] = {}
    names = [author, *(".".join(labels[at:]) for at in range(max(1, len(labels) - MOST_LABELS), len(labels)))]
    for name in names:
        found = _record(name, lookup)
        if found.get("psd") == "y":
            below = len(name.split(".")) + 1
            return ".".join(labels[-below:]), record or found
        if found:
            organisation, record = name, record or found
        if found.get("psd") == "n":
            break
    return organisation, record


def _record(name: str, lookup: "Bounded") -> dict[str, str]:
    """The DMARC record of a name as tags; empty if there is none, or more than one (RFC 9989 §4.7, §4.10)."""
    texts = [b"".join(each).decode("ascii", "replace") for each in lookup(f"_dmarc.{name}", "TXT")]
    records = [each for each in texts if re.match(r"v\s*=\s*DMARC1\s*(?:;|$)", each)]
    if len(records) != 1:
        return {}
    pairs = (each.partition("=") for each in records[0].split(";"))
    return {tag.strip().lower(): value.strip().lower() for tag, _, value in pairs}


def _is_below(domain: str, organisation: str) -> bool:
    return domain == organisation or domain.endswith("." + organisation)


class Bounded:
    """Look-ups that together take no longer than so many seconds, each name asked once."""

    def __init__(self, lookup: Lookup, seconds: float) -> None:
        self._lookup = lookup
        self._end = time.monotonic() + seconds
        self._known: dict[tuple[str, str], Sequence[Any]] = {}

    def __call__(self, name: str, kind: str) -> Sequence[Any]:
        """The records of a name.

        Raises:
            TimeoutError: no time is left, or this one took too long.

        """
        asked = (name, kind)
        if asked not in self._known:
            left = min(LOOKUP_SECONDS, self._end - time.monotonic())
            if left <= 0:
                raise TimeoutError("no time left for name look-ups")
            self._known[asked] = self._lookup(name, kind, left)
        return self._known[asked]

    def txt(self, name: bytes | str) -> bytes | None:
        """The first text record of a name in one piece, or None."""
        plain = name.decode("ascii") if isinstance(name, bytes) else name
        found = self(plain.rstrip(".").lower(), "TXT")
        return b"".join(found[0]) if found else None


def _domain(address: str) -> str:
    return a_labels(address.rpartition("@")[2]) or ""


def _resolving(resolver: ModuleType) -> Lookup:
    """Look-ups by the system's resolver, through dnspython."""

    def lookup(name: str, kind: str, seconds: float) -> list[Any]:
        try:
            answer = resolver.resolve(name, kind, lifetime=seconds)
        except (resolver.NXDOMAIN, resolver.NoAnswer):
            return []
        except Exception as error:
            raise TimeoutError(f"{kind} of a name: {type(error).__name__}") from error
        return [_plain(each, kind) for each in answer]

    return lookup


def _plain(record: Any, kind: str) -> Any:
    if kind in ("A", "AAAA"):
        return record.address
    if kind == "MX":
        return (record.preference, record.exchange.to_text(omit_final_dot=True))
    if kind == "PTR":
        return record.target.to_text(omit_final_dot=True)
    return record.strings


def of_stored(engine: Engine, mail: UUID, check: Checker | None) -> Verdict | None:
    """The verdict on a stored mail, found out between two transactions; None if we do not check ourselves.

    Only mail that came straight from a server is checked: of a mailbox or a pipe nobody knows the peer.
    """
    if check is None:
        return None
    with transaction(engine) as session:
        row = tables.mail.fetch(session, mail)
        if row is None or not row.mail_from or row.state is not MailState.RECEIVED:
            return None
        envelope = Envelope(
            mail_from=row.mail_from,
            rcpt_to=tuple(row.rcpt_to),
            peer=row.peer,
            helo=row.helo,
            received_at=row.received_at,
        )
        raw = tables.mail.raw(session, mail)
    return check(envelope, raw)
