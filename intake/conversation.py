"""Which request a mail belongs to. What we signed is obeyed; what anybody can write only from those who took part.

RFC 5322 §3.6.4 (Message-ID, In-Reply-To, References), RFC 5233 (the tag of an address).
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from sqlalchemy.orm import Session

from intake.addresses import LONGEST_LOCAL, domains, key
from intake.reading.message import ParsedMessage
from models import tables
from models.errors import Unavailable
from models.terms import Envelope, Joined, MailState, Party, PartyKind

ID_MAC = 15
"""Bytes of the seal in a Message-ID: 120 bits of HMAC-SHA256."""
ADDRESS_MAC = 10
"""Bytes of the seal in a reply address: 80 bits, so that token and mailbox fit 64 octets (RFC 5321 §4.5.3.1.1)."""
SIGNED_ID = re.compile(r"reply\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([a-z2-7]{24})(?:@.*)?", re.DOTALL)
SIGNED_TAG = re.compile(r"\+r\.([a-z2-7]{42})@", re.IGNORECASE)
NOTICE_ID = re.compile(r"notice\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:@.*)?", re.DOTALL)
"""The Message-ID of a notice to our own people; half of it is chance, so nobody guesses one."""
NOTICED = "answers a notice to our own people"
MOST_IDS = 30
"""Message-IDs that are followed, the newest first."""
MOST_REFERENCES = 5
MOST_CLAIMS = 10
"""Requests for which it is found out whether the sender took part."""
MOST_MAILS = 200
"""Mails with a Message-ID that are looked at, and mails of a request that are asked who took part."""
REFERENCE = re.compile(rf"(?<![\w-]){re.escape(tables.requests.REFERENCE_PREFIX)}(\d{{1,18}})(?![\w-])", re.IGNORECASE)
HEAD = 65_536
AHEAD = 100
"""Jobs next in turn among which a mail that is being processed just now is looked for."""
WAITS = 3
"""How often a follow-up waits for the mail it answers; after that it goes on without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """Which request a mail belongs to and what told it; without a request it opens one of its own.

    `evidence` of a mail that opens its own says which thread was named and not obeyed. `newcomer`: the
    sender took no part before; whoever holds a mail of ours may hand it to a colleague.
    """

    request: UUID | None = None
    by: Joined | None = None
    evidence: str = ""
    newcomer: bool = False


ALONE = Thread()
"""A mail that belongs to nothing that was there before."""


def thread_key(secret: str) -> bytes:
    """The key for message ids and reply addresses, made from the installation's secret; never the secret itself."""
    return hmac.digest(secret.encode(), b"switchboard: ids and addresses of replies", "sha256")


def signed_id(mail: UUID, thread_key: bytes) -> str:
    """The left part of the Message-ID of the reply to a mail: `reply.{mail}.{seal}`."""
    return f"reply.{mail}.{_text(_seal(b'mail', mail, thread_key, ID_MAC))}"


def verified(message_id: str, thread_key: bytes) -> UUID | None:
    """The mail that a Message-ID (with or without its domain) is our reply to; None if we did not sign it."""
    found = SIGNED_ID.fullmatch(message_id.strip("<> ").lower())
    if found is None or not thread_key:
        return None
    mail = UUID(found[1])
    genuine = hmac.compare_digest(found[2], _text(_seal(b"mail", mail, thread_key, ID_MAC)))
    return mail if genuine else None


def reply_address(own_address: str, request: UUID, thread_key: bytes) -> str:
    """Our address with a signed tag that names the request; as it is where the tag does not fit.

    The tag survives lower-casing and upper-casing on the way.
    """
    local, _, domain = own_address.rpartition("@")
    token = _text(request.bytes + _seal(b"request", request, thread_key, ADDRESS_MAC))
    tagged = f"{local.partition('+')[0] or local}+r.{token}"
    return f"{tagged}@{domain}" if len(tagged) <= LONGEST_LOCAL else own_address


def verified_address(address: str, thread_key: bytes) -> UUID | None:
    """The request that a reply address names; None if we did not sign it."""
    found = SIGNED_TAG.search(address)
    if found is None or not thread_key:
        return None
    try:
        token = base64.b32decode(found[1].upper() + "======")
    except binascii.Error:
        return None
    request, seal = UUID(bytes=token[:16]), token[16:]
    return request if hmac.compare_digest(seal, _seal(b"request", request, thread_key, ADDRESS_MAC)) else None


def _seal(purpose: bytes, what: UUID, thread_key: bytes, length: int) -> bytes:
    return hmac.digest(thread_key, purpose + b":" + what.bytes, "sha256")[:length]


def _text(content: bytes) -> str:
    return base64.b32encode(content).decode("ascii").rstrip("=").lower()


def find(
    session: Session,
    message: ParsedMessage,
    envelope: Envelope,
    *,
    thread_key: bytes,
    own_addresses: frozenset[str],
    forged: bool = False,
) -> Thread:
    """The request a mail belongs to, by the first that tells: our Message-ID, our address, a thread, a reference.

    The first two carry our seal: whoever has them got them from us, or from somebody who did. The others
    anybody can write, so they count for those only who took part in that request, and for nobody
    whose address is known to be `forged`.
    """
    sender = message.sender.address if message.sender else envelope.mail_from
    ours = frozenset(key(each) for each in own_addresses)
    for request, by, evidence in signed(
        session, named_ids(message), addressed(message, envelope), thread_key=thread_key
    ):
        newcomer = not takes_part(session, sender, request, ours=ours)
        return Thread(request=request, by=by, evidence=evidence, newcomer=newcomer)
    refused = ""
    for request, by, evidence in islice(_unsigned(session, message), MOST_CLAIMS):
        reference = f"{tables.requests.REFERENCE_PREFIX}{_number(session, request)}"
        if forged:
            refused = refused or f"names {reference}, but the sender's address is forged"
        elif takes_part(session, sender, request, ours=ours):
            return Thread(request=request, by=by, evidence=evidence)
        else:
            refused = refused or f"names {reference}, but the sender took no part in it"
    return Thread(evidence=refused)


def named_ids(message: ParsedMessage) -> tuple[str, ...]:
    """The Message-IDs a mail answers or refers to, the closest first."""
    return tuple(dict.fromkeys(filter(None, (message.in_reply_to, *reversed(message.references)))))[:MOST_IDS]


def addressed(message: ParsedMessage, envelope: Envelope) -> tuple[str, ...]:
    """Every address a mail was sent to, by its envelope and by its header."""
    return (*envelope.rcpt_to, *(box.address for box in (*message.to, *message.cc)))


def signed(
    session: Session, ids: tuple[str, ...], recipients: tuple[str, ...], *, thread_key: bytes
) -> Iterator[tuple[UUID, Joined, str]]:
    """The requests that are there and that our own marks name, the surest first."""
    notice = notice_named(session, ids)
    if notice is not None:
        yield notice.request_id, Joined.REPLY_ID, NOTICED
    for each in ids:
        answered = verified(each, thread_key)
        row = tables.mail.fetch(session, answered) if answered else None
        if row is not None and row.request_id is not None:
            yield row.request_id, Joined.REPLY_ID, "answers our reply, by the Message-ID we signed"
    for each in recipients:
        request = verified_address(each, thread_key)
        if request is not None and tables.requests.owner(session, request) is not None:
            yield request, Joined.REPLY_ADDRESS, "sent to the reply address we signed"


def notice_named(session: Session, ids: Iterable[str]) -> tables.progress.Notice | None:
    """The notice to our own people that one of these Message-IDs belongs to, or None."""
    found = (NOTICE_ID.fullmatch(each.strip("<> ").lower()) for each in ids)
    named = (session.get(tables.progress.Notice, UUID(match[1])) for match in found if match)
    return next(filter(None, named), None)


def _unsigned(session: Session, message: ParsedMessage) -> Iterator[tuple[UUID, Joined, str]]:
    """The requests that anybody could name: by a Message-ID, the closest first, then by a reference in the subject."""
    ids = named_ids(message)
    known = tables.mail.requests_named(session, ids, MOST_MAILS) if ids else []
    for each in ids:
        for request in sorted(request for name, request in known if name == each):
            yield request, Joined.THREAD, f"answers <{each}>"
    numbers = [int(each) for each in REFERENCE.findall(message.subject)[:MOST_REFERENCES]]
    there = dict(tables.requests.numbered(session, numbers)) if numbers else {}
    for number in dict.fromkeys(each for each in numbers if each in there):
        yield there[number], Joined.SUBJECT, f"{tables.requests.REFERENCE_PREFIX}{number} in the subject"


def _number(session: Session, request: UUID) -> int | None:
    owner = tables.requests.owner(session, request)
    return owner[0] if owner else None


def takes_part(session: Session, address: str, request: UUID, *, ours: frozenset[str]) -> bool:
    """Whether this address wrote about a request, was written to by those who did, or is of its account.

    `ours` are our own addresses, in comparable form: everybody writes to them, so they prove nothing.
    """
    wanted = key(address)
    if wanted in ours or wanted == "@":
        return False
    if wanted in {key(each) for each in tables.requests.parties(session, request)}:
        return True
    written = tables.mail.correspondents(session, request, MOST_MAILS)
    return wanted in {key(each) for mail in written for each in _addresses(mail)} or _is_of_its_account(
        session, wanted, request
    )


def _addresses(mail: dict[str, object]) -> Iterator[str]:
    sender = mail.get("from")
    if isinstance(sender, dict):
        yield str(sender.get("address"))
    for name in ("to", "cc", "reply_to"):
        several = mail.get(name)
        yield from (str(each) for each in several) if isinstance(several, list) else ()


def _is_of_its_account(session: Session, address: str, request: UUID) -> bool:
    owner = tables.requests.owner(session, request)
    if owner is None:
        return False
    _, contact_id, account_id = owner
    contact = tables.directory.contact_by_key(session, Party(kind=PartyKind.ADDRESS, value=address, shown=address))
    if contact is not None and contact.id == contact_id:
        return True
    if account_id is None:
        return False
    if contact is not None and contact.account_id is not None:
        return contact.account_id == account_id
    accounts = (tables.directory.account_by_domain(session, domain) for domain in domains(address))
    closest = next(filter(None, accounts), None)
    return closest is not None and closest.id == account_id


def wait_for_earlier(session: Session, mail: UUID, message: ParsedMessage) -> bool:
    """Whether a mail that this one answers has been processed meanwhile, by another worker that was waited for.

    Raises:
        Unavailable: it is not processed yet; this one is tried again later, a few times.

    """
    names = [each.encode("utf-8", "surrogatepass") for each in named_ids(message)]
    if not names:
        return False
    ahead = tables.mail.before(session, mail, AHEAD)
    wanted = [each for each in ahead if _is_any(tables.mail.head(session, each, HEAD), names)]
    held = tables.mail.hold(session, wanted) if wanted else {}
    if any(row.state is MailState.RECEIVED for row in held.values()) and 0 < tables.mail.tries(session, mail) <= WAITS:
        raise Unavailable("the mail this one answers is not processed yet")
    return bool(held)


def _is_any(head: bytes, names: list[bytes]) -> bool:
    found = re.search(rb"^message-id:\s*<?([^\r\n>]+)", head, re.IGNORECASE | re.MULTILINE)
    return found is not None and found[1].strip() in names
