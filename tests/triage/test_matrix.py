"""Impact and urgency as a level; what is not known never lowers it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as some

from triage.matrix import Matrix, held, read_matrix, read_off
from triage.reading import read

LEVELS = ("P1", "P2", "P3")
PACK = """\
impact: impact
urgency: urgency
types: [incident]
urgencies: [high, medium, low]
rows:
  extensive: [P1, P1, P2]
  moderate: [P2, P2, P3]
  minor: [P3, P3, P3]
forced:
  - {when: {down: full, workaround: "no"}, level: P1, clause: "§2", assumed: true}
clause: "§1"
"""


def told(text: str) -> tuple[Matrix, list[str]]:
    """The table in a text, and the mistakes."""
    node = read(text, "mine.yaml")
    known = {"types": frozenset({"incident", "help"}), "fields": frozenset({"impact", "urgency"})}
    return read_matrix(node, levels=LEVELS, **known), node.mistakes


TABLE, MISTAKES = told(PACK)
CALM = {"down": "no"}
"""Facts under which nothing is blocking."""


@pytest.mark.parametrize(
    ("fields", "facts", "level", "needs"),
    [
        ({"impact": "extensive", "urgency": "low"}, CALM, "P2", ()),
        ({"impact": "Moderate ", "urgency": "HIGH"}, CALM, "P2", ()),
        ({"impact": "minor"}, CALM, "P3", ()),
        ({"impact": "minor", "urgency": "low"}, {"down": "full", "workaround": "no"}, "P1", ()),
        ({"impact": "minor", "urgency": "low"}, {}, None, ("down = full", "workaround = no")),
        ({"impact": "moderate"}, CALM, None, ("urgency",)),
        ({"impact": "colossal", "urgency": "low"}, CALM, None, ("impact",)),
        ({}, CALM, None, ("impact", "urgency")),
    ],
)
def test_a_level_is_read_off_where_only_one_is_possible(fields, facts, level: str | None, needs: tuple[str, ...]):
    """A blocking fact outranks the table; an unknown word or fact leaves a range, and what would narrow it."""
    found = read_off(TABLE, fields, facts)
    assert (found.level, found.needs) == (level, needs)


def test_the_table_s_own_cell_is_shown_beside_what_may_still_outrank_it():
    """An engineer sees what impact and urgency say, though a blocking fact is not excluded yet."""
    found = read_off(TABLE, {"impact": "minor", "urgency": "low"}, {})
    assert (found.cell, found.most, found.least) == ("P3", "P1", "P3")


def test_a_level_is_moved_no_further_than_into_the_range():
    """Extensive impact is at least P2, whatever the urgency; within the range nothing changes."""
    found = read_off(TABLE, {"impact": "extensive"}, CALM)
    assert [held(LEVELS, level, found) for level in LEVELS] == ["P1", "P2", "P2"]


def test_the_table_is_for_its_types_and_for_what_is_not_known():
    """A question has no impact; a request whose type is open may have."""
    assert [TABLE.covers(one) for one in ("incident", "help", None)] == [True, False, True]


answers = {
    "impact": some.sampled_from([*TABLE.rows, "", "colossal"]),
    "urgency": some.sampled_from([*TABLE.urgencies, "", "etc"]),
}
facts_known = some.fixed_dictionaries(
    {}, optional={"down": some.sampled_from(["full", "partial", "no"]), "workaround": some.sampled_from(["yes", "no"])}
)


@given(some.fixed_dictionaries({}, optional=answers), facts_known, some.sampled_from(LEVELS))
def test_what_is_not_known_never_lowers_a_level(fields: dict[str, str], facts: dict[str, str], level: str):
    """A level moves down only if it would, at least as far, whatever the unknown turned out to be."""
    open_fields = {
        name: [fields[name]] if fields.get(name) in known else known
        for name, known in (("impact", list(TABLE.rows)), ("urgency", list(TABLE.urgencies)))
    }
    open_facts = {
        name: [facts[name]] if name in facts else values
        for name, values in (("down", ["full", "partial", "no"]), ("workaround", ["yes", "no"]))
    }
    now = LEVELS.index(held(LEVELS, level, read_off(TABLE, fields, facts)))
    for impact, urgency, down, workaround in itertools.product(*open_fields.values(), *open_facts.values()):
        all_known = read_off(TABLE, {"impact": impact, "urgency": urgency}, {"down": down, "workaround": workaround})
        then = LEVELS.index(held(LEVELS, level, all_known))
        if now > LEVELS.index(level):
            assert then >= now
        elif now < LEVELS.index(level):
            assert then <= now


@given(some.fixed_dictionaries({}, optional=answers), facts_known, some.sampled_from(["impact", "urgency", "down"]))
def test_learning_something_only_narrows_the_range(fields: dict[str, str], facts: dict[str, str], forgotten: str):
    """What is possible with more known was possible with less."""
    more = read_off(TABLE, fields, facts)
    less = read_off(
        TABLE,
        {name: value for name, value in fields.items() if name != forgotten},
        {name: value for name, value in facts.items() if name != forgotten},
    )
    assert LEVELS.index(less.most) <= LEVELS.index(more.most)
    assert LEVELS.index(more.least) <= LEVELS.index(less.least)


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("[P2, P2, P3]", "[P2, P2]", "write one level for each urgency: 3, not 2"),
        ("[P2, P2, P3]", "[P2, P2, P4]", "'P4' is no level"),
        ("impact: impact", "impact: impakt", "'impakt' is no field; did you mean 'impact'?"),
        ("down: full", "down: fully", "'fully' is no value of down"),
        ("[high, medium, low]", "[high, medium, high]", "'high' is there twice"),
        ("types: [incident]", "types: [incidnt]", "'incidnt' is no type"),
    ],
)
def test_a_mistake_in_a_table_is_told_with_its_place(good: str, bad: str, words: str):
    """Each names file, line and column, and what to write instead."""
    assert MISTAKES == []
    found = told(PACK.replace(good, bad))[1]
    assert any(mistake.startswith("mine.yaml:") and words in mistake for mistake in found), found
