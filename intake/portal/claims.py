"""A mailed request on its way to the portal: what its mails said, and raising it there, once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_tz
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from intake.portal.asked import Policy
from intake.portal.forms import Answers, tidy
from intake.portal.prefill import Told, described
from models import tables
from models.terms import Channel, Fact, Interaction, MailState

MOST_MAILS = 50
HEAD = 16_384
LOGO_BYTES = 20_000
"""An inline picture smaller than this is taken for a logo of the signature."""
DATE = re.compile(rb"^date:([^\r\n]{1,100})", re.IGNORECASE | re.MULTILINE)
FARTHEST = 14 * 60
"""Minutes a zone may differ from UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A file of a mail, which stays with its request."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailed:
    """What the mails of a request said, the files they brought, and the zone of their sender's clock."""

    told: Told
    carried: tuple[Carried, ...]
    zone: tzinfo | None


def source_of(request: UUID) -> str:
    """The one interaction a request can be claimed by, however often the form is sent."""
    return f"portal:claim:{request}"


def mailed(session: Session, request: tables.requests.Request) -> Mailed:
    """Everything the form begins with. Whoever holds the link took part in the request, or was handed our mail."""
    mails = _mails(session, request.id)
    rows = tables.requests.interactions(session, request.id)
    said = [each.new_text.strip() for each in rows if each.channel is Channel.EMAIL and each.new_text.strip()]
    told = Told(
        subject=request.subject,
        text="\n\n".join(said),
        signature=next((parsed["signature"] for _, parsed in mails if parsed.get("signature")), ""),
        facts=_facts(session, request.id),
    )
    return Mailed(
        told=told,
        carried=tuple(each for _, parsed in mails for each in carried(parsed)),
        zone=zone_of(tables.mail.head(session, mails[0][0], HEAD)) if mails else None,
    )


def _mails(session: Session, request: UUID) -> list[tuple[UUID, dict[str, Any]]]:
    """The mails of a request: of what was read in each no more than the form needs, since it holds whole texts."""
    row, names = tables.mail.Mail, ("signature", "attachments", "tnef")
    found = (
        select(row.id, *(row.parsed[name] for name in names))
        .where(row.request_id == request, row.state == MailState.PROCESSED)
        .order_by(row.id)
        .limit(MOST_MAILS)
    )
    return [(mail, dict(zip(names, values, strict=True))) for mail, *values in session.execute(found)]


def _facts(session: Session, request: UUID) -> dict[str, str]:
    """What was read in the customer's own words; never what an engineer stated, or a rule made of it."""
    suggestion = tables.requests.latest_suggestion(session, request)
    facts = suggestion.content.get("facts") or {} if suggestion else {}
    return {name: str(fact.get("value")) for name, fact in facts.items() if fact and fact.get("source") == "text"}


def carried(parsed: Mapping[str, Any]) -> list[Carried]:
    """The files of a mail that its sender would name: no logos, no text that is shown, no empty wrapper."""
    wrapped = parsed.get("tnef") or []
    files = [
        each
        for each in parsed.get("attachments") or []
        if not _is_decoration(each) and not (wrapped and (each.get("name") or "").lower() == "winmail.dat")
    ]
    return [
        Carried(name=tidy(each.get("name") or "") or each.get("content_type") or "?", size=int(each.get("size") or 0))
        for each in (*files, *wrapped)
    ]


def _is_decoration(file: Mapping[str, Any]) -> bool:
    kind = str(file.get("content_type") or "")
    small = kind.startswith("image/") and int(file.get("size") or 0) < LOGO_BYTES
    return bool(file.get("inline")) and (small or kind.startswith("text/"))


def zone_of(head: bytes) -> tzinfo | None:
    """The difference from UTC on the sender's clock, by the Date field (RFC 5322 §3.3); None where it does not say."""
    found = DATE.search(head)
    read = parsedate_tz(found[1].decode("ascii", "replace")) if found else None
    seconds = read[9] if read else None
    if seconds is None or abs(seconds) > FARTHEST * 60 or b"-0000" in (found[1] if found else b""):
        return None
    return timezone(timedelta(seconds=seconds)) if seconds else UTC


def claim(
    request: tables.requests.Request, policy: Policy, answers: Answers, told: Told, *, name: str, now: datetime
) -> Interaction:
    """The approach by which a mailed request is raised on the portal: what its customer added, changed or confirmed.

    Its text is what the mails do not say already: nothing of a mail is repeated, and nothing of it lost.
    """
    text, added = _beyond(answers.values.get("description", ""), described(told.text))
    return Interaction(
        source=source_of(request.id),
        channel=Channel.PORTAL,
        received_at=now,
        subject=answers.values.get("summary", ""),
        text=text,
        new_text=added,
        language=request.language,
        request=request.id,
        clock_started_at=now,
        facts=facts_in(policy, answers),
        fields=fields_in(answers, name),
        note="raised by the link in our reply",
    )


def _beyond(text: str, before: str) -> tuple[str, str]:
    """A description as it was sent, and what is new in it; both empty where it is the mail's own text."""
    if text == before:
        return "", ""
    rest = text.removeprefix(before)
    return text, rest.strip() if before and rest[:1].isspace() else text


def fields_in(answers: Answers, name: str) -> dict[str, str]:
    """What is kept of a form beside subject and text: every answer that was given."""
    kept = {key: value for key, value in answers.values.items() if value and key not in ("summary", "description")}
    return kept | ({"name": name} if name else {})


def facts_in(policy: Policy, answers: Answers) -> tuple[Fact, ...]:
    """The facts a customer stated by an answer."""
    return tuple(
        Fact(name=each.fact, value=answers.values[each.name], source="caller", evidence=each.label)
        for each in policy.fields
        if each.fact and answers.values.get(each.name)
    )
