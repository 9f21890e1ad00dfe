"""Targets as a policy writes them, and what is refused."""

from datetime import timedelta

import pytest

from models.errors import Invalid
from triage.calendars import ALWAYS
from triage.targets import MET_BY, Commitments, EventKind, Kind, Target, duration

H, MINUTE = timedelta(hours=1), timedelta(minutes=1)
RESPONSE = Target(kind=Kind.RESPONSE, calendar=ALWAYS, within=H)


@pytest.mark.parametrize(
    ("text", "amount"), [("4 h", 4 * H), ("90min", 90 * MINUTE), ("1 h 30 min", 90 * MINUTE), ("48h", 48 * H)]
)
def test_amounts_of_time_are_written_with_their_units(text: str, amount: timedelta):
    """Hours and minutes; days are not, since calendars differ."""
    assert duration(text) == amount


@pytest.mark.parametrize("text", ["4", "1 d", "", "h", "-4 h", "4 h later"])
def test_an_amount_without_a_unit_says_what_to_write(text: str):
    """A bare number would be guessed."""
    with pytest.raises(Invalid, match="write it as"):
        duration(text)


def test_commitments_that_contradict_themselves_are_refused():
    """Two figures for one clock, a cadence that never begins, a target without a measure."""
    update = Target(kind=Kind.UPDATE, calendar=ALWAYS, within=H)
    for targets, words in (((RESPONSE, RESPONSE), "two targets"), ((update,), "follow a response")):
        with pytest.raises(Invalid, match=words):
            Commitments(levels={"P1": targets})
    with pytest.raises(Invalid, match="within"):
        Target(kind=Kind.RESPONSE, calendar=ALWAYS)
    with pytest.raises(Invalid, match="2199"):
        Target(kind=Kind.RESPONSE, calendar=ALWAYS, within=10**7 * H)
    assert {kind for kinds in MET_BY.values() for kind in kinds} < set(EventKind)
