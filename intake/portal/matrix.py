"""A policy's table of impact and urgency as a customer reads it, and what it makes of their answers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from intake.portal.asked import Matrix, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table with the words a customer reads: `columns` by urgency, `rows` by impact, each with its levels."""

    impact: str
    urgency: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def table(policy: Policy) -> Table | None:
    """The policy's table in the words of its form; None where it has none."""
    matrix = policy.matrix
    if matrix is None:
        return None
    urgencies, impacts = _options(policy, matrix.urgency), _options(policy, matrix.impact)
    return Table(
        impact=_label(policy, matrix.impact),
        urgency=_label(policy, matrix.urgency),
        columns=tuple(urgencies.get(each, each) for each in matrix.urgencies),
        rows=tuple((impacts.get(name, name), tuple(levels)) for name, levels in matrix.rows.items()),
    )


def read_as(policy: Policy, answers: Mapping[str, str]) -> str:
    """The level that the table gives these answers, in the policy's own words; empty where it gives none."""
    matrix = policy.matrix
    kind = next((answers.get(each.name) for each in policy.fields if each.kind == "type"), None)
    if matrix is None or not matrix.covers(kind or None):
        return ""
    level = _cell(matrix, answers.get(matrix.impact, ""), answers.get(matrix.urgency, ""))
    return next((each.label for each in policy.levels if each.value == level), level)


def _cell(matrix: Matrix, impact: str, urgency: str) -> str:
    if impact not in matrix.rows or urgency not in matrix.urgencies:
        return ""
    return matrix.rows[impact][list(matrix.urgencies).index(urgency)]


def _label(policy: Policy, name: str) -> str:
    return next((each.label for each in policy.fields if each.name == name), name)


def _options(policy: Policy, name: str) -> dict[str, str]:
    return {option.value: option.label for each in policy.fields if each.name == name for option in each.options}
