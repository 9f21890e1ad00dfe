"""A pack's `nudges:` read from YAML, with every mistake named. Pure."""

from collections.abc import Mapping

from triage.calendars import Calendar
from triage.nudges import Habit, Rule
from triage.reading import Node
from triage.sections import amount, calendar, chosen, count, flag, questions, words

NEEDS: Mapping[Habit, frozenset[str]] = {
    Habit.STAGNATION: frozenset({"after"}),
    Habit.IN_PROGRESS: frozenset({"limit"}),
    Habit.FOLLOW_UP: frozenset({"days"}),
    Habit.UPDATE: frozenset({"days"}),
}
"""The figures a habit cannot do without."""
MAY: Mapping[Habit, frozenset[str]] = {
    Habit.UPDATE: frozenset({"fields"}),
    Habit.FOLLOW_UP: frozenset({"types"}),
}


def read_nudges(
    node: Node, *, levels: frozenset[str], types: frozenset[str], calendars: Mapping[str, Calendar]
) -> tuple[Rule, ...]:
    """The habits in a pack's `nudges:`; a level that stagnation does not name never stagnates. Mistakes are noted."""
    return tuple(
        _rule(Habit(name), entry, levels, types, calendars)
        for name, entry in node.fields(frozenset(), frozenset(habit.value for habit in Habit)).items()
    )


def _rule(
    habit: Habit, node: Node, levels: frozenset[str], types: frozenset[str], calendars: Mapping[str, Calendar]
) -> Rule:
    at = node.fields(
        frozenset({"clause"}) | NEEDS.get(habit, frozenset()),
        frozenset({"calendar", "assumed"}) | MAY.get(habit, frozenset()),
    )
    after = at["after"].fields(frozenset(), levels) if "after" in at else {}
    return Rule(
        habit=habit,
        clause=words(at, "clause"),
        calendar=calendar(at, "calendar", calendars),
        after={level: amount(entry) for level, entry in after.items()},
        days=count(at, "days"),
        limit=count(at, "limit"),
        types=chosen(at, "types", types, "type"),
        fields=questions(at["fields"]) if "fields" in at else (),
        assumed=flag(at, "assumed"),
    )
