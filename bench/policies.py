"""How fast rules are judged and deadlines found, as ratios with baselines measured in the same run.

Rules: every level rule of the four packs, judged for requests of the seed corpus by the facts read from their texts.
What counts is one rule judged: asked, applied to the probabilities, told with its verdict, its clause and what it
lacks. The baseline is the floor for Python: the same rules of the same packs compiled into one function of ifs, from
facts and a level to a level, without probabilities, verdicts or clauses. Both must come to the same level.

Deadlines: the packs' targets in office hours, for moments of a whole year across both changes of daylight saving. The
baseline is businesstimedelta on the same calendars, moments and amounts; both must come to the same moment. The second
row has two pauses in each log, which businesstimedelta cannot take out: what it is compared with is the same rate.

One core, CPU time, the calendars' years counted before. Prints median and range of the rounds; exits 1 below a goal.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as wall_time
from typing import Any

import businesstimedelta
import pytz

from models.terms import Fact
from triage import downgrade, facts, training
from triage.calendars import ALWAYS, Calendar
from triage.conditions import TYPE, All, AnyOf, Condition, Is, Not
from triage.deadlines import deadline
from triage.policy import Policy, load_packs
from triage.targets import Target
from triage.timeline import Pause

ROUNDS = 7
RULES_GOAL, DEADLINES_GOAL = 10_000, 20_000
MOMENTS = 200
Judgement = tuple[Policy, tuple[Fact, ...], str | None, str]
"""A pack, what is known, the type, and the level the classifier is sure of."""
Rates = dict[str, list[float]]


def holds(asked: Condition, answer: bool = True) -> str:
    """A condition as a Python expression that is true where it is known to hold (or, `answer` false, not to)."""
    match asked:
        case Is(fact, values):
            return f"f.get({fact!r}) in {values!r}" if answer else f"f.get({fact!r}) not in {(None, *values)!r}"
        case Not(part):
            return holds(part, not answer)
        case All(parts) | AnyOf(parts):
            word = " and " if isinstance(asked, All) == answer else " or "
            return f"({word.join(holds(part, answer) for part in parts)})"


def chain(pack: Policy) -> Callable[[dict[str, str], int], int]:
    """The level rules of a pack as one function of ifs; levels are places, 0 the most severe."""
    lines = ["def level(f, at):"]
    for rule in downgrade.level_rules(pack):
        to = pack.severity(rule.effect.to[0])
        moves = {"cap": f"at < {to}", "raise": f"at > {to}", "set": "True"}[rule.effect.move]
        only = f" and at in {tuple(map(pack.severity, rule.effect.only))}" if rule.effect.only else ""
        if not rule.by:
            lines.append(f"    if {moves}{only} and {holds(rule.when)}: at = {to}")
    found: dict[str, Any] = {}
    exec("\n".join([*lines, "    return at"]), found)  # noqa: S102 - made of the packs that ship
    return found["level"]


def judgements(packs: dict[str, Policy]) -> list[Judgement]:
    """Every request of the seed corpus that has a priority."""
    return [
        (packs[one.policy], facts.read(one.subject, one.body), one.type, one.priority)
        for one in training.seed_corpus()
        if one.priority
    ]


def rules(packs: dict[str, Policy], rates: Rates) -> None:
    """One round of each side over the whole corpus; the two must agree."""
    cases = judgements(packs)
    chains = {name: chain(pack) for name, pack in packs.items()}
    counted = {name: len(downgrade.level_rules(pack)) for name, pack in packs.items()}
    whole = sum(counted[pack.id] for pack, *_ in cases)
    starts = [{one.value: float(one.value == level) for one in pack.levels} for pack, _, _, level in cases]
    asked = [{one.name: one.value for one in known} | ({TYPE: kind} if kind else {}) for _, known, kind, _ in cases]
    places = [pack.severity(level) for pack, _, _, level in cases]

    def judge() -> list[int]:
        judged = (
            (pack, downgrade.judge_level(pack, known, kind, start).probabilities)
            for (pack, known, kind, _), start in zip(cases, starts, strict=True)
        )
        return [pack.severity(str(downgrade.top(shares))) for pack, shares in judged]

    def by_ifs() -> list[int]:
        told = zip(cases, asked, places, strict=True)
        return [chains[case[0].id](known, place) for case, known, place in told]

    for _ in range(ROUNDS):
        ours, floor = timed(judge, whole), timed(by_ifs, whole)
        assert ours[1] == floor[1], "the rules and the chain of ifs come to different levels"
        rates["rules judged"].append(ours[0])
        rates["chain of ifs"].append(floor[0])


def office(packs: dict[str, Policy]) -> list[Target]:
    """The targets counted in office hours, their calendars without holidays: the baseline fails after the last."""
    targets = {target for pack in packs.values() for level in pack.commitments.levels.values() for target in level
               if target.within and target.calendar.week != ALWAYS.week}  # fmt: skip
    ordered = sorted(targets, key=lambda one: (one.calendar.name, one.calendar.zone, str(one.within), one.kind))
    return [replace(one, calendar=replace(one.calendar, holidays=())) for one in ordered]


def as_businesstimedelta(calendar: Calendar) -> Any:
    """The same calendar in the other library's words."""
    zone = pytz.timezone(calendar.zone)
    edge = {24 * 3600: wall_time.max}
    return businesstimedelta.Rules(
        [
            businesstimedelta.WorkDayRule(
                start_time=wall_time(one.opens // 3600, one.opens // 60 % 60),
                end_time=edge.get(one.closes) or wall_time(one.closes // 3600, one.closes // 60 % 60),
                working_days=[day],
                tz=zone,
            )
            for day, spans in enumerate(calendar.week)
            for one in spans
        ]
    )


def deadlines(packs: dict[str, Policy], rates: Rates) -> None:
    """One round of each side over targets and moments; the two must agree."""
    random_ = random.Random(4)  # noqa: S311 - the same moments in every run
    first = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [first + timedelta(minutes=random_.randrange(365 * 24 * 60)) for _ in range(MOMENTS)]
    asked = [(target, moment) for target in office(packs) for moment in moments]
    theirs = {id(target): as_businesstimedelta(target.calendar) for target, _ in asked}
    amounts = {
        id(target): businesstimedelta.BusinessTimeDelta(theirs[id(target)], seconds=target.within.total_seconds())
        for target, _ in asked
        if target.within
    }
    paused = [
        (target, moment, [Pause(moment + timedelta(hours=3 * n), moment + timedelta(hours=3 * n + 2), reason)
                          for n in (1, 2) for reason in sorted(target.pauses)[:1]])
        for target, moment in asked
    ]  # fmt: skip

    def plain() -> list[datetime | None]:
        return [deadline(target, moment, None, ()).at for target, moment in asked]

    def with_pauses() -> list[datetime | None]:
        return [deadline(target, moment, None, pauses).at for target, moment, pauses in paused]

    def by_library() -> list[datetime]:
        return [(moment + amounts[id(target)]).astimezone(UTC) for target, moment in asked]

    with_pauses()
    for _ in range(ROUNDS):
        ours, library = timed(plain, len(asked)), timed(by_library, len(asked))
        assert ours[1] == library[1], "the two come to different deadlines"
        rates["deadlines"].append(ours[0])
        rates["deadlines, two pauses each"].append(timed(with_pauses, len(asked))[0])
        rates["businesstimedelta"].append(library[0])


def timed(work: Callable[[], Any], items: int) -> tuple[float, Any]:
    """Items a CPU second, and what came of it."""
    started = time.process_time()
    result = work()
    return items / (time.process_time() - started), result


def show(values: list[float], form: str) -> str:
    """Median and range."""
    return f"{statistics.median(values):{form}}  ({min(values):{form}} to {max(values):{form}})"


def main() -> int:
    """Measure, print, judge."""
    packs = load_packs()
    names = ("rules judged", "chain of ifs", "deadlines", "deadlines, two pauses each", "businesstimedelta")
    rates: Rates = {name: [] for name in names}
    rules(packs, rates)
    deadlines(packs, rates)
    print(f"a second on one core, {ROUNDS} rounds, median (range)")
    for name, found in rates.items():
        print(f"  {name:28} {show(found, ',.0f')}")
    print("\nratios, median (range)")
    met = True
    for name, base, goal in (
        ("rules judged", "chain of ifs", RULES_GOAL),
        ("deadlines", "businesstimedelta", DEADLINES_GOAL),
        ("deadlines, two pauses each", "businesstimedelta", DEADLINES_GOAL),
    ):
        ratios = [one / other for one, other in zip(rates[name], rates[base], strict=True)]
        fulfilled = statistics.median(rates[name]) >= goal
        verdict = f"goal {goal:,} a second: {'met' if fulfilled else 'MISSED'}"
        print(f"  {f'{name} / {base}':48} {show(ratios, '.3g')}   {verdict}")
        met &= fulfilled
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
