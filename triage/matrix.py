"""Impact and urgency as a level, by a table of the policy. Pure.

Three-valued: what is not known leaves a range of levels open, and only what every level of the range agrees on
changes anything. So an unknown impact or urgency never lowers a level, and learning one only narrows the range.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from triage.conditions import AnyOf, Condition, condition
from triage.facts import VOCABULARY
from triage.reading import Node
from triage.sections import flag, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced:
    """A level that a condition on the facts forces, whatever the table says."""

    when: Condition
    level: str
    clause: str
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A level for each impact (a row) and urgency (a column). `levels` run from the most severe down.

    `impact` and `urgency` are the fields of the form that answer; `types` are those it holds for (empty: all).
    """

    impact: str
    urgency: str
    urgencies: tuple[str, ...]
    rows: Mapping[str, tuple[str, ...]]
    levels: tuple[str, ...]
    clause: str
    types: tuple[str, ...] = ()
    forced: tuple[Forced, ...] = ()
    assumed: bool = False

    def covers(self, type_: str | None) -> bool:
        """Whether it holds for a type; for one that is not known it does."""
        return not self.types or type_ is None or type_ in self.types

    def cell(self, impact: str, urgency: str) -> str:
        """The level of one cell."""
        return self.rows[impact][self.urgencies.index(urgency)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the table says: the level lies from `most` (severe) to `least`; `needs` names what would narrow that.

    `cell` is the table's own answer where impact and urgency are known, whatever else may still force another level.
    """

    most: str
    least: str
    needs: tuple[str, ...]
    clause: str
    assumed: bool
    cell: str | None = None

    @property
    def level(self) -> str | None:
        """The level, where only one is possible."""
        return self.most if self.most == self.least else None


def read_off(matrix: Matrix, fields: Mapping[str, str], facts: Mapping[str, str]) -> Reading:
    """What the table says about a request; a word the table does not have counts as unknown."""
    for rule in matrix.forced:
        if rule.when.holds(facts):
            return Reading(most=rule.level, least=rule.level, needs=(), clause=rule.clause, assumed=rule.assumed)
    impact, urgency = (fields.get(name, "").strip().lower() for name in (matrix.impact, matrix.urgency))
    rows = [impact] if impact in matrix.rows else list(matrix.rows)
    columns = [urgency] if urgency in matrix.urgencies else list(matrix.urgencies)
    cells = {matrix.cell(row, column) for row in rows for column in columns}
    # A condition that may still turn out to hold leaves its level possible.
    open_ones = [rule for rule in matrix.forced if rule.when.holds(facts) is None]
    found = cells | {rule.level for rule in open_ones}
    possible = [level for level in matrix.levels if level in found]
    needs = [name for name, left in ((matrix.impact, rows), (matrix.urgency, columns)) if len(left) > 1]
    needs += [gap for rule in open_ones for gap in rule.when.missing(facts)]
    return Reading(
        most=possible[0],
        least=possible[-1],
        needs=tuple(needs) if len(possible) > 1 else (),
        clause=matrix.clause,
        assumed=matrix.assumed,
        cell=cells.pop() if len(rows) == len(columns) == 1 else None,
    )


def held(levels: Sequence[str], level: str, reading: Reading) -> str:
    """A level moved no further than into the range that is possible; within it nothing changes."""
    place, most, least = (levels.index(one) for one in (level, reading.most, reading.least))
    return levels[min(max(place, most), least)]


def read_matrix(node: Node, *, levels: Sequence[str], types: frozenset[str], fields: frozenset[str]) -> Matrix:
    """The table in a pack's `matrix:`; `levels` run from the most severe down, `fields` are those of its form."""
    at = node.fields(
        frozenset({"impact", "urgency", "urgencies", "rows", "clause"}), frozenset({"types", "forced", "assumed"})
    )
    known = frozenset(levels)
    urgencies = at["urgencies"].texts() if "urgencies" in at else ()
    if "urgencies" in at:
        at["urgencies"].unique(urgencies)
    return Matrix(
        impact=at["impact"].one_of(fields, "field") if "impact" in at else "",
        urgency=at["urgency"].one_of(fields, "field") if "urgency" in at else "",
        urgencies=urgencies,
        rows=_rows(at["rows"], len(urgencies), known) if "rows" in at else {},
        levels=tuple(levels),
        clause=words(at, "clause"),
        types=at["types"].choices(types, "type") if "types" in at else (),
        forced=tuple(_forced(entry, known) for entry in at["forced"].entries()) if "forced" in at else (),
        assumed=flag(at, "assumed"),
    )


def _rows(node: Node, width: int, levels: frozenset[str]) -> dict[str, tuple[str, ...]]:
    found = {}
    for name, row in node.fields(frozenset(), frozenset(node.keys())).items():
        cells = row.choices(levels, "level")
        if len(cells) != width:
            row.wrong(f"write one level for each urgency: {width}, not {len(cells)}")
        found[name] = cells
    if not found:
        node.wrong("write one row for each impact, such as extensive: [P1, P1, P2]")
    return found


def _forced(node: Node, levels: frozenset[str]) -> Forced:
    at = node.fields(frozenset({"when", "level", "clause"}), frozenset({"assumed"}))
    return Forced(
        when=condition(at["when"], VOCABULARY) if "when" in at else AnyOf(()),
        level=at["level"].one_of(levels, "level") if "level" in at else "",
        clause=words(at, "clause"),
        assumed=flag(at, "assumed"),
    )
