"""A pack's `phone:`: what it asks of a conversation on the telephone. Pure.

What a section leaves out is filled in from the rest of the pack (`completed`); consent that it does not name is left
to the operator.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.calling import Consent
from triage.completeness import Wanted, Weight
from triage.reading import Node
from triage.sections import At, chosen, words

RECEIPTS = ("sms", "mail")
"""The ways a written receipt of a call may go."""
KEYS = ("recording", "receipt", "urgent", "contact")
"""What the section may name, and what of it may be assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """How callers of a policy are served.

    `recording` is how consent is come by, None where the operator's own counts. `receipt` are the ways a written
    receipt may go. For the levels of `urgent` a caller is connected to whoever is on call; those of `contact` need a
    contact phone. `assumed` names the values the source does not state.
    """

    recording: Consent | None = None
    receipt: tuple[str, ...] = RECEIPTS
    urgent: tuple[str, ...] = ()
    contact: tuple[str, ...] = ()
    clause: str = ""
    assumed: tuple[str, ...] = KEYS


def read_phone(node: Node, *, levels: frozenset[str]) -> tuple[Phone, frozenset[str]]:
    """A pack's `phone:` and which of its keys are there; mistakes are noted at their places."""
    at = node.fields(frozenset({"clause"}), frozenset({*KEYS, "assumed"}))
    recording = at["recording"].one_of(frozenset(Consent), "kind of consent") if "recording" in at else ""
    found = Phone(
        recording=Consent(recording) if recording in set(Consent) else None,
        receipt=_listed(at, "receipt", frozenset(RECEIPTS), "receipt"),
        urgent=_listed(at, "urgent", levels, "level"),
        contact=_listed(at, "contact", levels, "level"),
        clause=words(at, "clause"),
        assumed=_listed(at, "assumed", frozenset(KEYS), "key of phone"),
    )
    return found, frozenset(at)


def _listed(at: At, key: str, known: frozenset[str], what: str) -> tuple[str, ...]:
    """A list of known words, each once; an empty one is meant."""
    found = chosen(at, key, known, what)
    if found:
        at[key].unique(found)
    return found


def completed(
    found: Phone, there: frozenset[str], *, levels: Sequence[str], named: Sequence[str], wanted: Sequence[Wanted]
) -> Phone:
    """The section with what it leaves out, in the order of the policy's `levels`, the most severe first.

    The top level is urgent. A contact phone is needed for the levels for which the pack asks one (`named`), and for
    those that are not confirmed without one: a gate of `completeness` that looks for a telephone number.
    """
    gates = [one for one in wanted if one.weight is Weight.GATE and one.detect == "phone"]
    asked = {*named, *(level for one in gates for level in one.levels or levels)}
    return replace(
        found,
        receipt=found.receipt if "receipt" in there else RECEIPTS,
        urgent=found.urgent if "urgent" in there else tuple(levels[:1]),
        contact=found.contact if "contact" in there else tuple(level for level in levels if level in asked),
    )
