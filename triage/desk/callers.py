"""Whose number calls: a contact's own, one that somebody we know has mentioned, or nobody's.

A call is waiting, so that only so many of the latest calls, calls back, forms and ends of mails are searched: what the
search costs does not grow with what is stored.
"""

import re
from uuid import UUID

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher
from sqlalchemy import func, or_, select, union_all
from sqlalchemy.orm import Session

from models import tables
from models.calling import CallerId, Recognition
from models.terms import Channel, Party, PartyKind
from triage import identity

LATEST_CALLS = 3_000
"""How many calls, and how many attempts to call back, are searched."""
LATEST_FORMS = 1_000
LATEST_TEXTS = 300
LONGEST_TEXT = 500
"""How many characters at the end of a text are searched: a signature stands there."""
MOST_MENTIONS = 50
"""A number mentioned more often is a switchboard's or our own: it says nothing."""
SHORTEST = 6
"""Digits of a number without its country below which anything could be meant."""
SIGNS = " \t\n\u00a0()./-"
"""What people write between digits."""
UNSPACED = str.maketrans("", "", SIGNS)


def who_calls(session: Session, party: Party) -> CallerId:
    """Whether the house knows a caller.

    Known: a contact has the number. Maybe: somebody of one account has mentioned it, in a call, in a form, or in a
    mail; a number that people of two accounts have mentioned is nobody's. Nothing follows from a maybe but a question.
    """
    contact = tables.directory.contact_by_key(session, party)
    if contact is not None:
        account = session.get(tables.directory.Account, contact.account_id) if contact.account_id else None
        return CallerId(
            recognition=Recognition.KNOWN, name=contact.name, account=account.name if account is not None else ""
        )
    if party.kind is not PartyKind.NUMBER:
        return CallerId(recognition=Recognition.UNKNOWN)
    owners = _accounts(session, _called(session, party.value) | _written(session, party.value))
    if len(owners) != 1:
        return CallerId(recognition=Recognition.UNKNOWN)
    return CallerId(recognition=Recognition.MAYBE, account=next(iter(owners)))


def _accounts(session: Session, requests: frozenset[UUID]) -> frozenset[str]:
    """The names of the accounts of these requests; one that is nobody's yet says nothing."""
    if not requests or len(requests) > MOST_MENTIONS:
        return frozenset()
    row, account = tables.requests.Request, tables.directory.Account
    found = select(account.name).join(row, row.account_id == account.id).where(row.id.in_(requests))
    return frozenset(session.scalars(found.distinct()))


def _called(session: Session, number: str) -> frozenset[UUID]:
    """The requests whose callers called from a number or left it, and those for which we called it."""
    call, back = tables.calls.Call, tables.progress.Callback
    calls = (
        select(call.request_id, call.from_number, call.answers).order_by(call.id.desc()).limit(LATEST_CALLS).subquery()
    )
    backs = select(back.request_id, back.number).order_by(back.id.desc()).limit(LATEST_CALLS).subquery()
    left = [calls.c.answers[name].astext == number for name in tables.calls.NUMBERS]
    found = union_all(
        select(calls.c.request_id).where(or_(calls.c.from_number == number, *left), calls.c.request_id.is_not(None)),
        select(backs.c.request_id).where(backs.c.number == number),
    )
    return frozenset(session.scalars(found.limit(MOST_MENTIONS + 1)))


def _written(session: Session, number: str) -> frozenset[UUID]:
    """The requests in whose forms and texts a number stands, however it was written there."""
    region, digits = _nationally(number)
    if len(digits) < SHORTEST:
        return frozenset()
    row = tables.requests.Interaction
    latest = select(row.request_id, row.fields).order_by(row.id.desc()).limit(LATEST_FORMS).subquery()
    given = latest.c.fields[tables.calls.NUMBERS[0]].astext
    end = func.right(row.new_text, LONGEST_TEXT)
    texts = select(row.request_id, end).where(row.channel != Channel.PHONE).order_by(row.id.desc()).limit(LATEST_TEXTS)
    told = [
        *session.execute(select(latest.c.request_id, given).where(given.is_not(None))),
        *session.execute(texts),
    ]
    found = [(request, text) for request, text in told if digits in text.translate(UNSPACED)]
    return frozenset(request for request, text in found if _stands_in(text, number, digits, region))


def _nationally(number: str) -> tuple[str, str]:
    """The country of a number (ISO 3166), and its digits as they stand in every way of writing it."""
    parsed = phonenumbers.parse(number)
    return phonenumbers.region_code_for_country_code(parsed.country_code or 0), str(parsed.national_number)


def _stands_in(text: str, number: str, digits: str, region: str) -> bool:
    """Whether a text really holds the number: `digits` may be part of another one, or of none."""
    spread = "[" + re.escape(SIGNS) + "]*"
    for found in re.finditer(spread.join(digits), text):
        near = text[max(found.start() - identity.MAX_NUMBER // 2, 0) : found.end() + SHORTEST]
        for match in PhoneNumberMatcher(near, region, leniency=Leniency.POSSIBLE):
            party = identity.number_party(match.raw_string, region)
            if party is not None and party.value == number:
                return True
    return False
