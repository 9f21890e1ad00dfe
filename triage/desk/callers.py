"""Whose number calls: a contact's own, one that somebody we know has mentioned, or nobody's.

A call is waiting, so that only so many of the latest calls, calls back, forms and ends of mails are searched: what the
search costs does not grow with what is stored.
"""

import re
from uuid import UUID

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher
from sqlalchemy import BindParameter, bindparam, func, or_, select, union_all
from sqlalchemy.orm import Session

from models import tables
from models.calling import CallerId, Recognition
from models.tables.calls import NUMBERS, Call
from models.tables.progress import Callback
from models.tables.requests import Interaction
from models.terms import Channel, Party, PartyKind
from triage import identity

LATEST_CALLS = 3_000
"""How many calls, and how many attempts to call back, are searched."""
LATEST_FORMS = 1_000
LATEST_SAID = 5_000
"""How many interactions the texts are looked for among: where everybody calls there are few."""
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


_CALLS = (
    select(Call.request_id, Call.from_number, Call.answers).order_by(Call.id.desc()).limit(LATEST_CALLS).subquery().c
)
_BACKS = select(Callback.request_id, Callback.number).order_by(Callback.id.desc()).limit(LATEST_CALLS).subquery().c
_NUMBER: BindParameter[str] = bindparam("number")
_LEFT = [_CALLS.answers[name].astext == _NUMBER for name in NUMBERS]
_CALLED = union_all(
    select(_CALLS.request_id).where(or_(_CALLS.from_number == _NUMBER, *_LEFT), _CALLS.request_id.is_not(None)),
    select(_BACKS.request_id).where(_BACKS.number == _NUMBER),
).limit(MOST_MENTIONS + 1)
_FORMS = (
    select(Interaction.request_id, Interaction.fields[NUMBERS[0]].astext.label("text"))
    .order_by(Interaction.id.desc())
    .limit(LATEST_FORMS)
)
_LATEST = (
    select(Interaction.id, Interaction.request_id, Interaction.channel, Interaction.new_text)
    .order_by(Interaction.id.desc())
    .limit(LATEST_SAID)
    .subquery()
    .c
)
_TEXTS = (
    select(_LATEST.request_id, func.right(_LATEST.new_text, LONGEST_TEXT).label("text"))
    .where(_LATEST.channel != Channel.PHONE)
    .order_by(_LATEST.id.desc())
    .limit(LATEST_TEXTS)
)
_TOLD = union_all(_FORMS, _TEXTS).subquery().c
_WRITTEN = select(_TOLD.request_id, _TOLD.text).where(_TOLD.text.like(bindparam("spread")))


def who_calls(session: Session, party: Party) -> CallerId:
    """Whether the house knows a caller.

    Known: a contact has the number. Maybe: somebody of one account has mentioned it, in a call, in a form, or in a
    mail; a number that people of two accounts have mentioned is nobody's. Nothing follows from a maybe but a question.
    """
    found = tables.directory.contact_and_account(session, party)
    if found is not None:
        contact, account = found
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
    return frozenset(session.scalars(_CALLED, {"number": number}))


def _written(session: Session, number: str) -> frozenset[UUID]:
    """The requests in whose forms and texts a number stands, however it was written there."""
    region, digits = _nationally(number)
    if len(digits) < SHORTEST:
        return frozenset()
    # The database leaves out what lacks the digits in this order, and only that.
    found = session.execute(_WRITTEN, {"spread": f"%{'%'.join(digits)}%"})
    near = [(request, text) for request, text in found if digits in text.translate(UNSPACED)]
    return frozenset(request for request, text in near if _stands_in(text, number, digits, region))


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
