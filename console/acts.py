"""What every act of an engineer on a request has in common: what was sent, who did it, and where it leads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from console import opened, triage_pages
from console.deps import Decider, Desk, DeskHere, Reader
from console.opened import Refusal
from console.queries import REFERENCE
from models.errors import Conflict, Forbidden, Invalid
from models.store import transaction
from models.terms import Channel
from triage.calendars import YEARS
from triage.policy import Policy

LONGEST = 20_000
"""Characters of one answer that are taken."""
PLACES = {"triage": "/triage/{}", "request": "/requests/{}", "owed": "/calls/owed"}
"""Where a form was sent from, and where it leads back to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A form as it came: where the button was (`back`, `channel`), the version seen, and every other answer."""

    back: str
    channel: Channel | None
    given: Mapping[str, str]
    seen: str

    @property
    def version(self) -> int:
        """The version of the request that the sender saw.

        Raises:
            Invalid: the form does not say it.

        """
        if not self.seen.isdigit():
            raise Invalid(public="The form does not say which version of the request it was made for. Reload the page.")
        return int(self.seen[:9])

    @property
    def shown(self) -> str:
        """The request that was open, where it is not the one that is acted on; empty where it is, or is none."""
        return self.text("from") if REFERENCE.fullmatch(self.text("from")) else ""

    @property
    def shown_on(self) -> str:
        """The page on which a refusal is shown: a list has no place for what was written."""
        return self.back if self.back == "triage" else "request"

    def text(self, name: str) -> str:
        """An answer without the blanks around it; empty where there is none."""
        return self.given.get(name, "").strip()

    def answers(self, prefix: str = "given.") -> dict[str, str]:
        """The answers to what a step or an update asks, by name."""
        return {name.removeprefix(prefix): text for name, text in self.given.items() if name.startswith(prefix)}

    def moment(self, name: str) -> datetime | None:
        """A moment from a date-and-time field, in the zone the form names; None where it is empty.

        Raises:
            Invalid: it is no moment, the zone is not known, or the calendars do not answer for it.

        """
        if not self.text(name):
            return None
        try:
            zone = ZoneInfo(self.text(f"{name}-zone") or "UTC")
            written = datetime.fromisoformat(self.text(name)).replace(tzinfo=zone)
        except (ValueError, ZoneInfoNotFoundError, OSError):
            raise Invalid(public="Write the time as year-month-day and hour:minute.") from None
        if not YEARS[0] < written.year < YEARS[-1]:
            raise Invalid(public=f"Write a time between the years {YEARS[1]} and {YEARS[-2]}.")
        return written.astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """An act under way, in its transaction."""

    session: Session
    request: UUID
    policy: Policy
    reader: Reader
    desk: Desk
    sent: Sent
    now: datetime

    @property
    def by(self) -> dict[str, Any]:
        """Who does it, under which policy, when: what every act of the desk is told."""
        return {"engineer": self.reader.login, "role": self.reader.role, "policy": self.policy, "now": self.now}


async def as_sent(request: Request) -> Sent:
    """The form of a request, whatever fields it has."""
    form = await request.form(max_files=0, max_fields=100)
    given = {name: value[:LONGEST] for name, value in form.items() if isinstance(value, str)}
    channel, back = given.pop("channel", ""), given.pop("back", "triage")
    return Sent(
        back=back if back in PLACES else "triage",
        channel=Channel(channel) if channel in set(Channel) else None,
        seen=given.pop("version", ""),
        given=given,
    )


SentHere = Annotated[Sent, Depends(as_sent)]
Act = Callable[[Doing], str | None]
"""Does something, and says what for the toast (a key of `opened.DID`); None where the form's own name says it,
empty where it was a decision, whose toast says which."""


def page(form: str, act: Act) -> Callable[..., Response]:
    """The handler of a form: do it, wake the workers, and show the request again, with what went wrong if it did."""

    def handle(request: Request, reader: Decider, desk: DeskHere, name: str, sent: SentHere) -> Response:
        return carry_out(request, reader, desk, name, sent, form, act)

    return handle


def carry_out(request: Request, reader: Reader, desk: Desk, name: str, sent: Sent, form: str, act: Act) -> Response:
    """Do an act in one transaction; a refusal shows the request with the reason, and keeps what was written."""
    try:
        with transaction(desk.engine) as session:
            found = opened.found(session, name)
            doing = Doing(
                session=session,
                request=found,
                policy=opened.policy_of(session, desk, found),
                reader=reader,
                desk=desk,
                sent=sent,
                now=desk.clock(),
            )
            said = act(doing)
            reference = opened.reference(session, found)
    except Conflict as error:
        own = error.public if error.public != Conflict.public else ""
        return triage_pages.conflict(request, reader, desk, name, sent.shown_on, sent.channel, own)
    except (Invalid, Forbidden) as error:
        refusal = Refusal(form=form, words=error.public, given=sent.given)
        status = 403 if isinstance(error, Forbidden) else 422
        return triage_pages.refused(request, reader, desk, name, sent.shown_on, sent.channel, refusal, status)
    desk.wake()
    did = form if said is None else said
    query = urlencode({"done": reference, "did": did} | ({"channel": sent.channel.value} if sent.channel else {}))
    return RedirectResponse(f"{PLACES[sent.back].format(sent.shown or reference)}?{query}", 303)
