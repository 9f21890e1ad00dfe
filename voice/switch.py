"""What the flows of a call need besides their session: the line's own settings, and what the desk knows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from uuid import UUID

from sqlalchemy.orm import Session

from models.calling import CallerId, CallTerms, Consent, OnDuty, OpenRequest, Recognition
from models.ports import Receive
from models.tables.calls import Call
from models.terms import Party
from voice import prompts
from voice.hearing import Identify
from voice.prompts import Prompts

NOTHING_KNOWN = CallTerms(looks_urgent=False, needs_phone=False, response_due=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a policy wants of every call: how consent to recordings is come by, and the ways a receipt may go."""

    consent: Consent = Consent.ASK
    receipts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a conversation asks the desk, each within the session of its webhook; the defaults know nothing.

    `rules` are those of a policy, by its id. `on_call` gives the telephones to ring for a request, its owner's first;
    of a caller whose request does not burn (False) only those of people who take such calls now. `join` makes a
    caller's new request part of one that was there, and says whether it could be. `taken` says who took a request on;
    `unreached` that nobody could be reached, and begins the policy's ladder. `got_through`: a caller came to a receipt
    or a person, so that no earlier call of theirs waits for one of ours.
    """

    who_calls: Callable[[Session, Party], CallerId] = lambda *_: CallerId(recognition=Recognition.UNKNOWN)
    terms: Callable[[Session, UUID, datetime], CallTerms] = lambda *_: NOTHING_KNOWN
    rules: Callable[[str], Rules] = lambda _: Rules()
    open_request: Callable[[Session, UUID, datetime], OpenRequest | None] = lambda *_: None
    on_call: Callable[[Session, UUID, bool, datetime], tuple[OnDuty, ...]] = lambda *_: ()
    join: Callable[[Session, UUID, UUID, datetime], bool] = lambda *_: False
    taken: Callable[[Session, UUID, str, datetime], None] = lambda *_: None
    unreached: Callable[[Session, UUID, str, datetime], None] = lambda *_: None
    got_through: Callable[[Session, Call, datetime], object] = lambda *_: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """What the flows need of a line; the first of `languages` greets, the others are offered.

    `numbers` are our own and the languages spoken there (empty: any number, `languages`). `from_number` is shown to
    those we ring (E.164); without it nobody is. `consent` is how recordings are agreed to, by the caller's country
    (ISO 3166), "" for the others. Whoever hangs up is owed a call `callback_after`, placed by itself if
    `callback_automatic`.
    """

    receive: Receive
    identify: Identify
    public_url: str
    languages: tuple[str, ...]
    desk: Desk = field(default_factory=Desk)
    wording: Callable[[str], Prompts] = prompts.load
    from_number: str = ""
    numbers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    consent: Mapping[str, Consent] = field(default_factory=dict)
    callback_after: timedelta = timedelta(minutes=10)
    callback_automatic: bool = False

    @property
    def spoken(self) -> tuple[str, ...]:
        """Every language that callers are spoken to in, at any number, those of the line first."""
        return tuple(dict.fromkeys((*self.languages, *chain.from_iterable(self.numbers.values()))))
