"""Who is on call when, as the operator's file says it: people, tiers with their hours, turns. Pure, but for `load`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import phonenumbers

from models.errors import Invalid, Misconfigured
from triage import identity
from triage.calendars import ALWAYS, DAY, WEEKDAYS, Calendar, Span, span, weekdays
from triage.reading import SLUG, Node, read
from triage.sections import At, slug, words

ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
"""Addresses of people of ours: one recipient in a mail's header, whatever is done with it."""
ALL, URGENT = "all", "urgent"
"""What a tier takes: every call, or only those that burn."""
AT_ONCE, IN_ORDER = "at-once", "in-order"
"""How its people are rung: all together, or one after the other."""
RING_SECONDS = 20
"""How long a telephone rings where the file does not say: most voice mail boxes answer later."""
DAYS = {"day": 1, "days": 1, "week": 7, "weeks": 7}
YEARS = range(2000, 2100)
"""In which years a turn may begin and somebody be away."""
LONGEST_NAME = 80
UNREGIONED = "ZZ"
"""No country: a number has to say its own."""

Week = tuple[tuple[Span, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may be rung, at `numbers` (E.164), told at `address`, who signs in as `login`.

    What is empty is the engineer's of that login. `away` holds first and last days, both included, in the time zone
    of the tier that is looked at.
    """

    id: str
    name: str = ""
    numbers: tuple[str, ...] = ()
    address: str = ""
    login: str = ""
    away: tuple[tuple[date, date], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """People who take turns of so many `days`, counted on the wall clock: a hand-over at 09:00 stays at 09:00.

    The first of them begins on the day `since`; `handing` opens at the time of the hand-over. Before `since` it is
    counted backwards, so that somebody always has the turn.
    """

    days: int
    since: date
    handing: Calendar
    people: tuple[str, ...]

    def handover(self, number: int) -> datetime:
        """When a turn begins (UTC): with the jump where the clocks jump over its time, first where it comes twice."""
        begins, ends = self.handing.whole_day(self.since + timedelta(days=self.days * number))
        return min(self.handing.next_open(begins), ends)

    def number(self, at: datetime) -> int:
        """Which turn it is at a moment, the first one being 0."""
        found = (self.handing.local(at).date() - self.since).days // self.days
        while self.handover(found) > at:
            found -= 1
        while self.handover(found + 1) <= at:
            found += 1
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Whom callers reach in its `hours`: whose turn it is, or all its people. No `policies`: those of every policy."""

    id: str
    label: str
    hours: Calendar
    people: tuple[str, ...]
    turn: Turn | None = None
    takes: str = ALL
    ring: str = AT_ONCE
    ring_seconds: int = RING_SECONDS
    policies: tuple[str, ...] = ()

    @property
    def is_always_open(self) -> bool:
        """Whether there is no hour in which it is closed."""
        return self.hours.week == ALWAYS.week


@dataclass(frozen=True, slots=True, kw_only=True)
class Rota:
    """The tiers in the order in which they are rung, and their people by the name the file gives them."""

    zone: str
    people: Mapping[str, Person]
    tiers: tuple[Tier, ...]

    def tier(self, name: str) -> Tier | None:
        """The tier of this name, or None."""
        return next((tier for tier in self.tiers if tier.id == name), None)


def load(path: Path) -> Rota:
    """The rota in a file.

    Raises:
        Misconfigured: naming every mistake with line and column, or that the file cannot be read.

    """
    rota, mistakes = from_path(path)
    if mistakes:
        raise Misconfigured(public="; ".join(mistakes))
    return rota


def from_path(path: Path) -> tuple[Rota, list[str]]:
    """The rota in a file and its mistakes, as `parse`."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        return parse("", str(path))[0], [f"{path}:1:1: file: cannot be read: {error.strerror}"]
    except UnicodeDecodeError as error:
        return parse("", str(path))[0], [f"{path}:1:1: file: not UTF-8 at byte {error.start}"]


def parse(text: str, file: str) -> tuple[Rota, list[str]]:
    """The rota in a text, and its mistakes; with mistakes it must not be used."""
    top = read(text, file)
    required = frozenset({"rota", "time_zone", "people", "tiers"})
    unread = top.mistakes and not top.value  # no key is missing from what could not be read
    at = top.fields(frozenset(), required) if unread else top.fields(required)
    if "rota" in at and str(at["rota"].value) != "1":
        at["rota"].wrong("write 1: this version of the form is the only one there is")
    zone = _zone(at, "UTC")
    people = _people(at["people"]) if "people" in at else {}
    tiers = tuple(_tier(entry, frozenset(people), zone) for entry in at["tiers"].entries()) if "tiers" in at else ()
    if "tiers" in at:
        at["tiers"].unique([tier.id for tier in tiers])
    return Rota(zone=zone, people=people, tiers=tiers), top.mistakes


def _people(node: Node) -> dict[str, Person]:
    found = {}
    for name, entry in node.fields(frozenset(), frozenset(node.keys())).items():
        at = entry.fields(frozenset(), frozenset({"name", "numbers", "address", "login", "away"}))
        if not SLUG.fullmatch(name):
            entry.wrong(f"{name!r} is no short name for a person: letters, digits and hyphens only")
        if isinstance(entry.value, dict) and not {"login", "numbers"} & at.keys():
            entry.wrong("write a login, or numbers: nobody could be rung")
        found[name] = Person(
            id=name,
            name=_shown(at, "name"),
            numbers=_numbers(at["numbers"]) if "numbers" in at else (),
            address=_address(at["address"]) if "address" in at else "",
            login=words(at, "login"),
            away=_away(at["away"]) if "away" in at else (),
        )
    if not found:
        node.wrong("write at least one person, such as {priya: {login: priya}}")
    logins = [person.login.lower() for person in found.values() if person.login]
    for login in sorted({login for login in logins if logins.count(login) > 1}):
        node.wrong(f"two people sign in as {login!r}: write one of them, in every tier they are in")
    return found


def _shown(at: At, key: str) -> str:
    """A name that is shown and may be spoken to a caller."""
    text = words(at, key)
    if not text.isprintable() or len(text) > LONGEST_NAME:
        at[key].wrong(f"write it in one line of at most {LONGEST_NAME} characters")
    return text


def _numbers(node: Node) -> tuple[str, ...]:
    entries = list(node.entries()) if isinstance(node.value, list) else [node]
    node.unique([str(entry.value) for entry in entries])
    return tuple(dict.fromkeys(number for entry in entries if (number := _number(entry))))


def _number(node: Node) -> str:
    if isinstance(node.value, int):  # YAML takes the plus sign for that of a sum
        node.wrong(f'write a number in quotes, with its plus sign: "+{node.value}"')
        return ""
    text = node.text()
    party = identity.number_party(text, UNREGIONED)
    if party is None:
        if text:
            node.wrong(f"{text!r} is no number like +49 30 5550123, with the country's code")
        return ""
    if phonenumbers.number_type(phonenumbers.parse(party.value)) == phonenumbers.PhoneNumberType.PREMIUM_RATE:
        node.wrong(f"{text!r} is a premium-rate number: name an ordinary one")
    return party.value


def _address(node: Node) -> str:
    text = node.text()
    if text and not ADDRESS.fullmatch(text):
        node.wrong(f"{text!r} is no address like priya@example.com")
    return text


def _away(node: Node) -> tuple[tuple[date, date], ...]:
    entries = node.entries() if isinstance(node.value, list) else [node]
    return tuple(days for entry in entries if (days := _days(entry)))


def _days(node: Node) -> tuple[date, date] | None:
    text = str(node.value) if isinstance(node.value, date) else node.text()
    first, dots, last = (part.strip() for part in text.partition(".."))
    try:
        days = date.fromisoformat(first), date.fromisoformat(last if dots else first)
    except ValueError:
        node.wrong(f"{text!r} are no days: write 2026-12-24, or 2026-12-24..2026-12-31")
        return None
    if days[1] < days[0] or not {days[0].year, days[1].year} <= set(YEARS):
        node.wrong(f"{text!r}: write the first day before the last, in {YEARS[0]} to {YEARS[-1]}")
        return None
    return days


def _tier(node: Node, people: frozenset[str], zone: str) -> Tier:
    at = node.fields(
        frozenset({"id"}),
        frozenset({"label", "hours", "time_zone", "takes", "ring", "ring_seconds", "turn", "people", "policies"}),
    )
    name = slug(at, "id")
    zone = _zone(at, zone)
    if node.keys() and len({"turn", "people"} & at.keys()) != 1:
        node.wrong("write exactly one of turn (people one after the other) and people (all of them)")
    turn = _turn(at["turn"], people, zone) if "turn" in at else None
    mine = turn.people if turn else _named(at["people"], people) if "people" in at else ()
    return Tier(
        id=name,
        label=_shown(at, "label") or name,
        hours=_hours(at, name, zone),
        people=mine,
        turn=turn,
        takes=at["takes"].one_of(frozenset({ALL, URGENT}), "kind of calls") if "takes" in at else ALL,
        ring=at["ring"].one_of(frozenset({AT_ONCE, IN_ORDER}), "way to ring") if "ring" in at else AT_ONCE,
        ring_seconds=at["ring_seconds"].whole(5, 120) if "ring_seconds" in at else RING_SECONDS,
        policies=tuple(each.slug() for each in at["policies"].entries()) if "policies" in at else (),
    )


def _named(node: Node, people: frozenset[str]) -> tuple[str, ...]:
    found = node.choices(people, "person of this rota")
    node.unique(found)
    return found


def _turn(node: Node, people: frozenset[str], zone: str) -> Turn | None:
    at = node.fields(frozenset({"every", "from", "people"}))
    if not {"every", "from", "people"} <= at.keys():
        return None
    mine = _named(at["people"], people)
    days = _period(at["every"])
    begins = _beginning(at["from"])
    if not (days and begins and mine):
        return None
    edge = Span(opens=begins.hour * 3600 + begins.minute * 60, closes=DAY)
    handing = Calendar(name="hand-over", zone=zone, week=((edge,),) * len(WEEKDAYS))
    return Turn(days=days, since=begins.date(), handing=handing, people=mine)


def _period(node: Node) -> int:
    found = re.fullmatch(r"(\d{1,3}) *(days?|weeks?)", node.text()) if isinstance(node.value, str) else None
    days = int(found[1]) * DAYS[found[2]] if found else 0
    if not 1 <= days <= 366:  # noqa: PLR2004 - a year
        node.wrong("write the length of a turn in days or weeks: 1 week, 3 days; a year at most")
        return 0
    return days


def _beginning(node: Node) -> datetime | None:
    text = str(node.value) if isinstance(node.value, date) else node.text()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo or found.second or found.microsecond or found.year not in YEARS:
        node.wrong("write the wall-clock time at which the first turn begins: 2026-01-05 09:00")
        return None
    return found


def _zone(at: At, otherwise: str) -> str:
    """The time zone that is named, else the other one."""
    zone = words(at, "time_zone") or otherwise
    try:
        Calendar(name="of the rota", zone=zone, week=ALWAYS.week)
    except Invalid:
        at["time_zone"].wrong(f"{zone!r} is no time zone; write an IANA name such as Europe/Berlin")
        return "UTC"
    return zone


def _hours(at: At, name: str, zone: str) -> Calendar:
    always = Calendar(name=name, zone=zone, week=ALWAYS.week)
    texts = at["hours"].texts() if "hours" in at else ()
    if not all(texts) or not texts:
        return always
    try:
        return Calendar(name=name, zone=zone, week=_week(texts))
    except Invalid as error:
        at["hours"].wrong(str(error))
        return always


def _week(texts: Iterable[str]) -> Week:
    """The opening hours in texts such as `mon-fri 08:00-18:00, sat`; `18:00-08:00` ends on the day after.

    Raises:
        Invalid: naming the first thing that is none, with what to write instead.

    """
    week: list[list[Span]] = [[] for _ in WEEKDAYS]
    for part in (part.strip() for text in texts for part in text.split(",") if part.strip()):
        said = part.split()
        named = part[0].isalpha()
        days = weekdays(said[0]) if named else range(len(WEEKDAYS))
        spans = _spans("".join(said[1:] if named else said) or "00:00-24:00")
        for day in days:
            for later, one in enumerate(spans):
                week[(day + later) % len(WEEKDAYS)].append(one)
    return tuple(tuple(sorted(spans)) for spans in week)


def _spans(text: str) -> tuple[Span, ...]:
    """The span of a day, and what of it lies on the day after."""
    opens, _, closes = text.partition("-")
    try:
        return (span(text),)
    except Invalid as error:
        if opens == closes:
            raise
        try:
            return span(f"{opens}-24:00"), span(f"00:00-{closes}")
        except Invalid:
            raise error from None
