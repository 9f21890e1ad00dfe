"""What a customer may order: each service with what it needs and how many working days it takes. Pure.

Beside it the notice a launch needs, and who of a customer's people may see a request.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from models.terms import Visibility
from triage.calendars import Calendar
from triage.reading import Node
from triage.sections import Question, calendar, chosen, count, flag, questions, slug, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One entry of the catalogue. `days` are the fewest and the most working days; None where it needs looking into.

    `hint` says how the customer can do it without us, `places` where alone it is offered, `words` what names it in a
    text. `notice` is how many days ahead of its date it must be ordered.
    """

    id: str
    label: str
    clause: str
    types: tuple[str, ...] = ()
    asks: tuple[Question, ...] = ()
    days: tuple[int, int] | None = None
    hint: str = ""
    note: str = ""
    places: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    notice: int = 0
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """A policy's services; estimates count on `calendar` from when everything a service asks has been told."""

    services: tuple[Service, ...]
    calendar: Calendar
    clause: str
    visibility: Visibility = Visibility.PRIVATE
    visibility_clause: str = ""

    def find(self, service: str) -> Service | None:
        """The service with this id, or None."""
        return next((one for one in self.services if one.id == service), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """When a service may be expected: an estimate, no guarantee. Both moments are closings of working days."""

    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Whether something was ordered early enough: `by` is the last day for it, `short` how many days too late."""

    by: date
    short: int

    @property
    def enough(self) -> bool:
        """Whether it came in time."""
        return not self.short


def lacking(service: Service, given: Mapping[str, str]) -> tuple[Question, ...]:
    """What must still be told before the work can begin."""
    return tuple(question for question in service.asks if question.lacks(given))


def delivery(catalogue: Catalogue, service: Service, complete_at: datetime | None) -> Delivery | None:
    """When to expect a service whose inputs were complete at a moment; None before that, or where there is no estimate.

    A day counts when it is a whole working day: told on Monday, one working day ends on Tuesday's closing.
    """
    if complete_at is None or service.days is None:
        return None
    first, last = (catalogue.calendar.end_of_day(complete_at, days) for days in service.days)
    return Delivery(earliest=first, latest=last)


def notice(service: Service, told_on: date, wanted_on: date) -> Notice:
    """Whether a service that needs notice was ordered early enough for a date; the last day itself is in time."""
    by = wanted_on - timedelta(days=service.notice)
    return Notice(by=by, short=max((told_on - by).days, 0))


def offered(service: Service, environment: str | None) -> bool | None:
    """Whether a service is offered there; None while the place is not known and matters."""
    if not service.places:
        return True
    return None if environment is None else environment in service.places


def named(catalogue: Catalogue, text: str, type_: str | None = None) -> tuple[Service, ...]:
    """The services whose words stand in a text, the one named first before the others; a suggestion, no order."""
    found = []
    for service in catalogue.services:
        if type_ is not None and service.types and type_ not in service.types:
            continue
        places = [match.start() for word in service.words if (match := _word(word).search(text[:20_000]))]
        if places:
            found.append((min(places), service))
    return tuple(service for _, service in sorted(found, key=lambda pair: pair[0]))


def may_see(visibility: Visibility | str | None, *, raised_by: str, reader: str, group: Collection[str]) -> bool:
    """Whether one of a customer's people may see a request; what is not known to be shared is private.

    `group` are the people of the organisation's group; whoever raised the request must be one of them.
    """
    if reader == raised_by:
        return True
    return visibility == Visibility.GROUP and reader in group and raised_by in group


def _word(word: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)


def read_catalogue(
    node: Node, *, types: frozenset[str], places: frozenset[str], calendars: Mapping[str, Calendar]
) -> Catalogue:
    """The services in a pack's `catalogue:`; mistakes are noted at their places."""
    at = node.fields(frozenset({"services", "calendar", "clause"}), frozenset({"visibility"}))
    services = [_service(entry, types, places) for entry in at["services"].entries()] if "services" in at else []
    if "services" in at:
        at["services"].unique([service.id for service in services])
    shown = at["visibility"].fields(frozenset({"default", "clause"})) if "visibility" in at else {}
    known = frozenset(one.value for one in Visibility)
    default = shown["default"].one_of(known, "visibility") if "default" in shown else ""
    return Catalogue(
        services=tuple(services),
        calendar=calendar(at, "calendar", calendars),
        clause=words(at, "clause"),
        visibility=Visibility(default) if default in known else Visibility.PRIVATE,
        visibility_clause=words(shown, "clause"),
    )


def _service(node: Node, types: frozenset[str], places: frozenset[str]) -> Service:
    at = node.fields(
        frozenset({"id", "label", "clause"}),
        frozenset({"types", "asks", "days", "hint", "note", "places", "words", "notice", "assumed"}),
    )
    return Service(
        id=slug(at, "id"),
        label=words(at, "label"),
        clause=words(at, "clause"),
        types=chosen(at, "types", types, "type"),
        asks=questions(at["asks"]) if "asks" in at else (),
        days=_days(at["days"]) if "days" in at else None,
        hint=words(at, "hint"),
        note=words(at, "note"),
        places=chosen(at, "places", places, "environment"),
        words=at["words"].texts() if "words" in at else (),
        notice=count(at, "notice"),
        assumed=flag(at, "assumed"),
    )


def _days(node: Node) -> tuple[int, int]:
    found: Sequence[int] = [entry.whole(1, 1000) for entry in node.entries()]
    if len(found) != 2 or found[0] > found[1]:  # noqa: PLR2004 - the fewest and the most
        node.wrong("write the fewest and the most working days, such as [1, 2]")
        return 1, 1
    return found[0], found[1]
