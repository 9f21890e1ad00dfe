"""What a policy's table of impact and urgency makes of a judged level. Pure."""

from collections.abc import Mapping

from models.terms import Fact, RuleResult
from triage import matrix
from triage.downgrade import APPLIED, UNKNOWN, Judged, chosen
from triage.policy import Policy

ID = "matrix"
"""Under which the table is listed among the rules."""


def by_table(policy: Policy, facts: tuple[Fact, ...], kind: str | None, judged: Judged) -> Judged:
    """The levels moved into the range that the table leaves possible; what is not known lowers nothing.

    Impact and urgency are among the facts, by the names of the form's fields; a policy without a table, or a type it
    is not for, changes nothing.
    """
    table = policy.matrix
    if table is None or not table.covers(kind):
        return judged
    told = {fact.name: fact.value for fact in facts}
    reading = matrix.read_off(table, told, told)
    moved = dict.fromkeys(judged.probabilities, 0.0)
    for level, share in judged.probabilities.items():
        moved[matrix.held(table.levels, level, reading)] += share
    return Judged(
        probabilities=moved,
        results=(*judged.results, _result(policy, reading, judged.probabilities, moved)),
        rule=ID if chosen(policy, moved) != chosen(policy, judged.probabilities) else judged.rule,
        settled=judged.settled or reading.level is not None,
    )


def _result(
    policy: Policy, reading: matrix.Reading, before: Mapping[str, float], after: Mapping[str, float]
) -> RuleResult:
    was, became = chosen(policy, before), chosen(policy, after)
    return RuleResult(
        id=ID,
        clause=reading.clause,
        verdict=UNKNOWN if reading.needs and was == became else APPLIED,
        effect=f"{was}→{became}" if was != became else None,
        needs="; ".join(reading.needs) or None,
    )
