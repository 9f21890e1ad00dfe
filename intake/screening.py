"""May a machine answer this mail? A visible table of checks; the first that says no is the reason kept. Pure.

RFC 3834 (automatic responses), RFC 5230 (vacation), RFC 5321 §4.5.5 (null return path).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from intake.addresses import deliverable, key
from intake.message import ParsedMessage
from models.terms import Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """Why we stay silent: a slug, the header or fact that says so, and the clause behind it."""

    reason: str
    evidence: str
    clause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All a check may see."""

    envelope: Envelope
    message: ParsedMessage
    own_addresses: frozenset[str]
    trusted_authserv_id: str = ""


Check = Callable[[Case], Suppression | None]

MACHINE_LOCAL = re.compile(
    r"^(?:mailer[-_.]?daemon|postmaster|mail-?daemon|no[-_.]?reply|do[-_.]?not[-_.]?reply|donot[-_.]?reply|nobody|bounces?"
    r"|listserv|majordomo|mdaemon|uucp)(?:[+=._-].*)?$"
    r"|^owner-|-(?:owner|bounces?|request|relay|confirm|errors)(?:[+=].*)?$|^bounces?[+=-]|^prvs=|^srs[01][+=-]?daemon",
    re.IGNORECASE,
)
MOST_HOPS = 100
BULK = {"bulk", "list", "junk", "auto_reply", "auto-reply"}
AUTO_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-reply",
    "x-mail-autoreply",
    "x-fc-machinegenerated",
)
LIST_HEADERS = (
    "list-id",
    "list-post",
    "list-unsubscribe",
    "list-help",
    "list-owner",
    "mailing-list",
    "x-mailing-list",
)
REPORT_TYPES = {
    "multipart/report",
    "message/delivery-status",
    "message/disposition-notification",
    "message/feedback-report",
}
OUT_OF_OFFICE = re.compile(
    r"^\s*(?:auto(?:matic|mated)?[ -]?(?:reply|response)|autoreply|out of (?:the )?office|abwesenheitsnotiz"
    r"|automatische antwort"
    r"|réponse automatique|respuesta automática|risposta automatica|resposta automática|automatisch antwoord"
    r"|automatische reactie|autosvar|odpowiedź automatyczna|automaattinen vastaus|自動応答|自动回复|自動回覆)\b",
    re.IGNORECASE,
)


def null_sender(case: Case) -> Suppression | None:
    """A null return path is a notification; answering it makes loops."""
    if case.envelope.mail_from:
        return None
    return Suppression(reason="null-sender", evidence="MAIL FROM:<>", clause="RFC 5321 §4.5.5")


def auto_submitted(case: Case) -> Suppression | None:
    """Anything but `no` says that a machine wrote it; comments and parameters do not count."""
    for value in case.message.header("auto-submitted"):
        word = re.sub(r"\([^()]*\)", " ", value).partition(";")[0].strip().lower()
        if word and word != "no":
            return Suppression(reason="auto-submitted", evidence=f"Auto-Submitted: {value[:80]}", clause="RFC 3834 §2")
    return None


def mailing_list(case: Case) -> Suppression | None:
    """A list would hand our answer to everybody on it."""
    for name in (
        "list-id",
        "list-post",
        "list-unsubscribe",
        "list-help",
        "list-owner",
        "mailing-list",
        "x-mailing-list",
    ):
        if case.message.has(name):
            return Suppression(reason="list", evidence=name.title(), clause="RFC 3834 §2, RFC 5230 §4.6")
    return None


def precedence(case: Case) -> Suppression | None:
    """Bulk, list and junk mail has no person waiting."""
    for name in ("precedence", "x-precedence"):
        for value in case.message.header(name):
            if value.strip().lower() in BULK:
                return Suppression(reason="bulk", evidence=f"{name.title()}: {value[:80]}", clause="RFC 3834 §2")
    return None


def suppress_header(case: Case) -> Suppression | None:
    """The sender's system asks for no automatic answer."""
    for value in case.message.header("x-auto-response-suppress"):
        if {word.strip().lower() for word in value.split(",")} & {"all", "oof", "autoreply"}:
            evidence = f"X-Auto-Response-Suppress: {value[:80]}"
            return Suppression(reason="asked-not-to", evidence=evidence, clause="MS-OXCMAIL §2.2.3.2.14")
    return None


def automatic_header(case: Case) -> Suppression | None:
    """Older marks of automatic mail."""
    for name in AUTO_HEADERS:
        if case.message.has(name):
            return Suppression(reason="auto-submitted", evidence=name.title(), clause="RFC 3834 §2")
    for value in case.message.header("x-loop"):
        return Suppression(reason="loop", evidence=f"X-Loop: {value[:80]}", clause="RFC 3834 §2")
    return None


def report(case: Case) -> Suppression | None:
    """A bounce, receipt or feedback report, whatever its return path."""
    found = sorted(REPORT_TYPES & set(case.message.types))
    if case.message.bounced and not found:
        subject = f"a mail server's notice: {case.message.subject[:80]}"
        return Suppression(reason="report", evidence=subject, clause="RFC 3834 §2")
    if not found:
        return None
    return Suppression(reason="report", evidence=f"Content-Type: {found[-1]}", clause="RFC 3834 §2, RFC 6522")


def calendar(case: Case) -> Suppression | None:
    """A calendar's answer or invitation."""
    if case.message.types and case.message.types[0] == "text/calendar":
        return Suppression(reason="calendar", evidence="Content-Type: text/calendar", clause="RFC 3834 §2, RFC 5546")
    return None


def own_address(case: Case) -> Suppression | None:
    """Mail that claims to be ours would come back to us."""
    said = [case.envelope.mail_from]
    said += [box.address for box in (case.message.sender, *case.message.reply_to) if box]
    for address in said:
        if address and key(address) in {key(own) for own in case.own_addresses}:
            return Suppression(reason="own-address", evidence=address[:200], clause="RFC 3834 §2")
    return None


def machine_sender(case: Case) -> Suppression | None:
    """Addresses nobody reads: daemons, no-reply boxes, list owners, bounce handlers."""
    from_ = case.message.sender.address if case.message.sender else ""
    for address in (case.envelope.mail_from, from_):
        local = address.rpartition("@")[0]
        if local and MACHINE_LOCAL.search(local):
            return Suppression(reason="machine-sender", evidence=address[:200], clause="RFC 3834 §2, RFC 5230 §4.6")
    return None


def out_of_office(case: Case) -> Suppression | None:
    """An absence notice that carries no header for it."""
    if OUT_OF_OFFICE.match(case.message.subject):
        return Suppression(reason="out-of-office", evidence=case.message.subject[:80], clause="RFC 3834 §2")
    return None


def hops(case: Case) -> Suppression | None:
    """A mail that passed a hundred servers goes round in circles (RFC 5321 §6.3)."""
    count = len(case.message.header("received"))
    if count <= MOST_HOPS:
        return None
    return Suppression(reason="loop", evidence=f"{count} Received fields", clause="RFC 5321 §6.3")


def no_recipient(case: Case) -> Suppression | None:
    """A return path that is no plain address: an answer could go somewhere else, or nowhere."""
    if deliverable(case.envelope.mail_from) is not None:
        return None
    shown = case.envelope.mail_from[:80].encode("ascii", "backslashreplace").decode()
    return Suppression(reason="no-recipient", evidence=f"MAIL FROM:<{shown}>", clause="RFC 5321 §4.1.2, RFC 6531")


def junk(case: Case) -> Suppression | None:
    """Answering spam tells strangers that we are here, and hits forged senders."""
    if case.message.spam:
        return Suppression(reason="spam", evidence="X-Spam", clause="RFC 3834 §2")
    return None


def forged(case: Case) -> Suppression | None:
    """Our own relay says that the sender is forged; other Authentication-Results are not believed (RFC 8601 §5)."""
    if authentication(case.message, case.trusted_authserv_id) == "fail":
        return Suppression(reason="forged", evidence="dmarc=fail", clause="RFC 3834 §4, RFC 8601")
    return None


def authentication(message: ParsedMessage, authserv_id: str) -> str:
    """Give "pass", "fail" or "none", from the trusted relay's Authentication-Results only."""
    for value in message.header("authentication-results"):
        if not authserv_id or value.partition(";")[0].split(" ")[0].strip().lower() != authserv_id.lower():
            continue
        verdict = re.search(r"\bdmarc\s*=\s*(\w+)", value, re.IGNORECASE)
        if verdict:
            return {"pass": "pass", "fail": "fail"}.get(verdict[1].lower(), "none")
    return "none"


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
    hops,
    junk,
    forged,
    no_recipient,
)
REASONS = (
    "null-sender", "auto-submitted", "report", "own-address", "list", "bulk", "asked-not-to", "loop", "machine-sender",
    "calendar", "out-of-office", "spam", "forged", "window", "off", "dry-run", "too-old", "no-recipient", "unparsed",
)  # fmt: skip
"""Every reason for silence, from here and from the door."""


def suppression(case: Case) -> Suppression | None:
    """The first check that says no, or None: a machine may answer the envelope sender."""
    return next((found for check in CHECKS if (found := check(case)) is not None), None)
