"""A policy's form: what it asks, what was answered, and what is wrong with it. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import phonenumbers

from intake import addresses
from intake.portal.asked import Field, Named, Policy
from models.terms import Choice

LONGEST = {"text": 500, "longtext": 20_000, "version": 300, "secret": 200, "email": 254, "phone": 60, "day": 10}
"""Characters of an answer by kind; what is chosen is as long as it is."""
SIGNS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control and direction signs: they show an engineer something else than what is stored."""
SHOWN_OF_SECRET = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with an answer: a key of the wording, and what it is about."""

    key: str
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question as a page shows it.

    `places` are the places of the types it is asked for among those a customer may raise, None for
    all: the page shows it once one of them is chosen. `only_for` names them; `needed_for` names the
    types and levels for which an answer is needed.
    """

    name: str
    label: str
    kind: str
    help: str
    value: str
    required: bool
    needed_for: tuple[str, ...]
    places: tuple[int, ...] | None
    only_for: tuple[str, ...]
    choices: Sequence[Choice | Named]
    longest: int
    problem: Problem | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was answered, by field name, tidied; and what is wrong, by field name."""

    values: Mapping[str, str]
    wrong: Mapping[str, Problem] = field(default_factory=dict)


def tidy(text: str, *, lines: bool = False) -> str:
    """A text without control and direction signs, and without blanks at its ends; in one line unless `lines`."""
    plain = SIGNS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return plain.strip() if lines else " ".join(plain.split())


def checked(policy: Policy, given: Mapping[str, str], region: str) -> Answers:
    """The answers to a policy's questions; those that are not asked for the chosen type are left out.

    `region` is the ISO 3166 country of telephone numbers written without a country code.
    """
    values: dict[str, str] = {}
    wrong: dict[str, Problem] = {}
    kind = _chosen(policy, given, "type")
    asked = [each for each in policy.fields if is_asked(policy, each, kind)]
    level = _chosen(policy, given, "level") if any(each.kind == "level" for each in asked) else ""
    for each in asked:
        value = tidy(given.get(each.name, ""), lines=each.kind == "longtext")
        number = formatted(value, region) if each.kind == "phone" else None
        values[each.name] = number or value
        found = _missing(policy, each, kind, level) if not value else _mistake(policy, each, value, number)
        if found:
            wrong[each.name] = found
    return Answers(values=values, wrong=wrong)


def _chosen(policy: Policy, given: Mapping[str, str], kind: str) -> str:
    """The type or level that was chosen, empty if none of the policy's was."""
    name = next((each.name for each in policy.fields if each.kind == kind), None)
    value = given.get(name, "") if name else ""
    return value if value in {choice.value for choice in choices(policy, kind)} else ""


def is_asked(policy: Policy, asked: Field, kind: str) -> bool:
    """Whether a question is asked once this type was chosen (empty: none was yet)."""
    if asked.kind == "level" and kind:
        return any(each.value == kind and each.priority_applies for each in policy.types)
    return not asked.types or kind in asked.types


def _missing(policy: Policy, asked: Field, kind: str, level: str) -> Problem | None:
    if asked.kind == "phone" and level and level in policy.contact_phone_levels:
        return Problem(key="phone_needed", about=next(each.label for each in policy.levels if each.value == level))
    if asked.required or kind in asked.required_for_types or level in asked.required_for_levels:
        return Problem(key="choose" if choices(policy, asked.kind, asked) else "missing")
    return None


def _mistake(policy: Policy, asked: Field, value: str, number: str | None) -> Problem | None:
    longest = LONGEST.get(asked.kind)
    if longest is not None and len(value) > longest:
        return Problem(key="too_long", about=str(longest))
    if asked.kind == "phone" and number is None:
        return Problem(key="phone_wrong")
    if asked.kind == "email" and addresses.path(value) is None:
        return Problem(key="email_wrong")
    if asked.kind == "day" and not _is_day(value):
        return Problem(key="day_wrong")
    known = choices(policy, asked.kind, asked)
    if known and value not in {each.value for each in known}:
        return Problem(key="choose")
    return None


def _is_day(text: str) -> bool:
    """Whether it is a date as a browser sends it (ISO 8601, as in 2026-12-31)."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def choices(policy: Policy, kind: str, asked: Field | None = None) -> Sequence[Choice | Named]:
    """What a question of this kind offers; nothing for a kind that is written."""
    if kind == "type":
        return [each for each in policy.types if each.inbound]
    if kind == "level":
        return policy.levels
    return asked.options if kind == "choice" and asked is not None else ()


def formatted(text: str, region: str) -> str | None:
    """A telephone number as it is dialled from anywhere (ITU-T E.123), with its extension; None if it is none."""
    try:
        number = phonenumbers.parse(text[: LONGEST["phone"]], region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None  # a number that works in one town only cannot be called back
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def masked(value: str) -> str:
    """A secret as its owner recognises it: the last signs of a long one, none of a short one."""
    shown = value[-SHOWN_OF_SECRET:] if len(value) > 2 * SHOWN_OF_SECRET else ""
    return f"••••{shown}"


def questions(policy: Policy, answers: Answers) -> list[Question]:
    """The whole form with what is known, in the policy's order: questions of other types too, for the page to show."""
    return [_question(policy, each, answers) for each in policy.fields]


def _question(policy: Policy, asked: Field, answers: Answers) -> Question:
    inbound = [each for each in policy.types if each.inbound]
    places = tuple(place for place, each in enumerate(inbound) if is_asked(policy, asked, each.value))
    levels = {*asked.required_for_levels, *(policy.contact_phone_levels if asked.kind == "phone" else ())}
    everywhere = len(places) == len(inbound) or not (asked.types or asked.kind == "level")
    needed = [each.value for each in inbound if each.value in asked.required_for_types]
    always = asked.required or (not everywhere and needed == [inbound[place].value for place in places])
    return Question(
        name=asked.name,
        label=asked.label,
        kind=asked.kind,
        help=asked.help,
        value=answers.values.get(asked.name, ""),
        required=always,
        needed_for=(
            *(each.label for each in inbound if each.value in needed and not always),
            *(each.label for each in policy.levels if each.value in levels),
        ),
        places=None if everywhere else places,
        only_for=() if everywhere else tuple(inbound[place].label for place in places),
        choices=choices(policy, asked.kind, asked),
        longest=LONGEST.get(asked.kind, 0),
        problem=answers.wrong.get(asked.name),
    )
