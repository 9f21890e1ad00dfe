"""May a machine answer this mail? A visible table of checks; the first that says no is the reason kept. Pure.

RFC 3834 (automatic responses), RFC 5230 (vacation), RFC 5321 §4.5.5 (null return path).
What only we can know (switch, age, windows, caps) follows in `answering.CHECKS`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from intake.addresses import deliverable, key, mailboxes
from intake.reading.message import ParsedMessage
from intake.replies import authentication as results
from intake.replies import marks
from intake.replies.authentication import Verdict
from models.terms import Envelope

MOST_HOPS = 100
MOST_DELIVERIES = 2
"""How often a mail may have been delivered to one of our addresses on its way: by an alias, and for good."""
MOST_FIELDS = 900
"""Header fields of a mail of which we are sure that all were read; no program writes as many."""
EVIDENCE_LENGTH = 200
MARKED = {mark.name: mark for mark in marks.AUTOMATIC}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """Why we stay silent: a slug, the header or fact that says so, and the clause behind it."""

    reason: str
    evidence: str
    clause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All a check may see. `verdict` is our own check of the sender, used where no trusted relay said anything."""

    envelope: Envelope
    message: ParsedMessage
    own_addresses: frozenset[str]
    trusted_authserv_id: str = ""
    verdict: Verdict | None = None
    answer_unauthenticated: bool = True


Check = Callable[[Case], Suppression | None]


def null_sender(case: Case) -> Suppression | None:
    """A null return path is a notification; answering it makes loops."""
    if case.envelope.mail_from.strip("<> "):
        return None
    return Suppression(reason="null-sender", evidence="MAIL FROM:<>", clause="RFC 5321 §4.5.5")


def malformed(case: Case) -> Suppression | None:
    """A mail whose header could not be read whole may say anywhere in the rest that a machine wrote it."""
    if case.message.headers and len(case.message.headers) < MOST_FIELDS:
        return None
    evidence = next(iter(case.message.defects), "no header, or one without end")
    return Suppression(reason="unparsed", evidence=evidence[:EVIDENCE_LENGTH], clause="RFC 3834 §2")


def auto_submitted(case: Case) -> Suppression | None:
    """Anything but `no` says that a machine wrote it; comments and parameters do not count."""
    for value in case.message.header("auto-submitted"):
        word = results.without_comments(value).partition(";")[0].strip().lower()
        if value.strip() and word != "no":
            return Suppression(reason="auto-submitted", evidence=_field("Auto-Submitted", value), clause="RFC 3834 §2")
    return None


def report(case: Case) -> Suppression | None:
    """A bounce, receipt or feedback report, whatever its return path."""
    found = sorted(marks.REPORTS & set(case.message.types))
    if case.message.bounced and not found:
        subject = f"a mail server's notice: {case.message.subject[:80]}"
        return Suppression(reason="report", evidence=subject, clause="RFC 3834 §2")
    if not found:
        return None
    return Suppression(reason="report", evidence=f"Content-Type: {found[-1]}", clause="RFC 3834 §2, RFC 6522")


def own_address(case: Case) -> Suppression | None:
    """Mail that claims to be ours would come back to us: in its envelope, From, Sender or Reply-To."""
    ours = _keys(case.own_addresses)
    for address in _authors(case, "from", "sender", "reply-to"):
        if key(address) in ours:
            return Suppression(reason="own-address", evidence=address[:EVIDENCE_LENGTH], clause="RFC 3834 §2")
    return None


def mailing_list(case: Case) -> Suppression | None:
    """A list would hand our answer to everybody on it."""
    for name, value in case.message.headers:
        if name in marks.LIST_FIELDS:
            evidence = _field(name.title(), value)
            return Suppression(reason="list", evidence=evidence, clause="RFC 3834 §2, RFC 5230 §4.6")
    return None


def precedence(case: Case) -> Suppression | None:
    """Bulk, list and junk mail has no person waiting."""
    for name in ("precedence", "x-precedence"):
        for value in case.message.header(name):
            if results.without_comments(value).strip().lower() in marks.BULK:
                return Suppression(reason="bulk", evidence=_field(name.title(), value), clause="RFC 3834 §2")
    return None


def suppress_header(case: Case) -> Suppression | None:
    """The sender's system asks for no automatic answer; receipts, which we never send, do not count."""
    for value in case.message.header("x-auto-response-suppress"):
        if {word.lower() for word in re.split(r"[\s,;|]+", value)} & marks.SUPPRESSES_US:
            evidence = _field("X-Auto-Response-Suppress", value)
            return Suppression(reason="asked-not-to", evidence=evidence, clause="MS-OXCMAIL §2.2.3.2.14")
    return None


def automatic_header(case: Case) -> Suppression | None:
    """What programs other than mail servers write into mail that no person wrote: `marks.AUTOMATIC`."""
    for name, value in case.message.headers:
        mark = MARKED.get(name)
        if mark is not None and mark.values.search(value):
            clause = mark.source if "RFC" in mark.source else f"RFC 3834 §2; {mark.source}"
            return Suppression(reason=mark.reason, evidence=_field(name.title(), value), clause=clause)
    return None


def machine_sender(case: Case) -> Suppression | None:
    """Addresses nobody reads: daemons, no-reply boxes, list owners, bounce handlers; of Reply-To, if all are such."""
    wanted = [box.address for box in case.message.reply_to]
    unread = wanted if wanted and all(_nobody_reads(each) for each in wanted) else []
    for address in (*_authors(case, "from"), *unread):
        if _nobody_reads(address):
            evidence = address[:EVIDENCE_LENGTH]
            return Suppression(reason="machine-sender", evidence=evidence, clause="RFC 3834 §2, RFC 5230 §4.6")
    return None


def calendar(case: Case) -> Suppression | None:
    """A calendar's answer or invitation."""
    if case.message.types and case.message.types[0] == "text/calendar":
        return Suppression(reason="calendar", evidence="Content-Type: text/calendar", clause="RFC 3834 §2, RFC 5546")
    return None


def out_of_office(case: Case) -> Suppression | None:
    """An absence notice that carries no header for it."""
    if marks.OUT_OF_OFFICE.match(case.message.subject):
        return Suppression(reason="out-of-office", evidence=case.message.subject[:80], clause="RFC 3834 §2")
    return None


def circles(case: Case) -> Suppression | None:
    """A mail that passed a hundred servers, or was delivered to us before, goes round in circles."""
    count = len(case.message.header("received"))
    if count > MOST_HOPS:
        return Suppression(reason="loop", evidence=f"{count} Received fields", clause="RFC 5321 §6.3")
    ours = _keys(case.own_addresses)
    passed = [value for value in case.message.header("delivered-to") if key(value.strip("<> ")) in ours]
    if len(passed) > MOST_DELIVERIES:
        return Suppression(reason="loop", evidence=f"{len(passed)} Delivered-To fields of ours", clause="RFC 9228 §3")
    for value in case.message.header("x-ms-exchange-inbox-rules-loop"):
        if key(value.strip("<> ")) in ours:
            evidence = _field("X-MS-Exchange-Inbox-Rules-Loop", value)
            return Suppression(reason="loop", evidence=evidence, clause="RFC 3834 §2; Exchange: redirected by our rule")
    return None


def junk(case: Case) -> Suppression | None:
    """Answering spam tells strangers that we are here, and hits forged senders."""
    if case.message.spam:
        return Suppression(reason="spam", evidence="X-Spam", clause="RFC 3834 §2")
    return None


def forged(case: Case) -> Suppression | None:
    """Our own relay says that the sender is forged; other Authentication-Results are not believed (RFC 8601 §5)."""
    found = verdict(case)
    if found.result != "fail":
        return None
    return Suppression(reason="forged", evidence=found.evidence, clause="RFC 3834 §4, RFC 8601")


def unauthenticated(case: Case) -> Suppression | None:
    """Nobody can say whether the sender is forged, and the operator wants such mail kept and not answered."""
    found = verdict(case)
    if case.answer_unauthenticated or found.result == "pass":
        return None
    clause = "RFC 3834 §4; operator's setting SWITCHBOARD_ANSWER_UNAUTHENTICATED"
    return Suppression(reason="unauthenticated", evidence=found.evidence or "no result", clause=clause)


def no_recipient(case: Case) -> Suppression | None:
    """A return path that is no plain address: an answer could go somewhere else, or nowhere."""
    if deliverable(case.envelope.mail_from) is not None:
        return None
    shown = case.envelope.mail_from[:80].encode("ascii", "backslashreplace").decode()
    return Suppression(reason="no-recipient", evidence=f"MAIL FROM:<{shown}>", clause="RFC 5321 §4.1.2, RFC 6531")


CHECKS: tuple[Check, ...] = (
    null_sender,
    auto_submitted,
    report,
    own_address,
    mailing_list,
    precedence,
    suppress_header,
    automatic_header,
    machine_sender,
    calendar,
    out_of_office,
    circles,
    malformed,
    junk,
    forged,
    no_recipient,
    unauthenticated,
)
"""What the mail itself says, in this order."""
REASONS = (
    "null-sender", "auto-submitted", "report", "own-address", "list", "bulk", "asked-not-to", "loop", "machine-sender",
    "calendar", "out-of-office", "unparsed", "spam", "forged", "no-recipient", "unauthenticated",
    "off", "too-old", "restored", "dead-address", "dry-run", "window", "domain-cap", "cap",
)  # fmt: skip
"""Every reason for silence: what the mail says, then what only we know (`answering.CHECKS`)."""


def suppression(case: Case) -> Suppression | None:
    """The first check that says no, or None: a machine may answer the envelope sender."""
    return next((found for check in CHECKS if (found := check(case)) is not None), None)


def verdict(case: Case) -> Verdict:
    """What is known of the sender: by our trusted relay's word, else by our own check if there was one."""
    said = results.from_headers(
        case.message.header("authentication-results"),
        authserv_id=case.trusted_authserv_id,
        mail_from=case.envelope.mail_from,
    )
    return case.verdict if case.verdict is not None and said.result == "none" else said


def _authors(case: Case, *fields: str) -> Iterator[str]:
    """The envelope sender and every address in these header fields, also where a field names several, or is doubled."""
    if case.envelope.mail_from:
        yield case.envelope.mail_from
    for name in fields:
        for value in case.message.header(name):
            yield from (box.address for box in mailboxes(value))


@lru_cache(8)
def _keys(addresses: frozenset[str]) -> frozenset[str]:
    return frozenset(key(each) for each in addresses)


def _nobody_reads(address: str) -> bool:
    local = address.rpartition("@")[0]
    return bool(local) and bool(marks.NOBODY_READS.search(local) or marks.FORWARDERS_DAEMON.search(local))


def _field(name: str, value: str) -> str:
    return f"{name}: {' '.join(value.split())[:80]}"
