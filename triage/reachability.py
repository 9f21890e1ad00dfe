"""Whether a customer can be reached by telephone, from the ledger of attempts. Pure.

Parallels Note 2: whoever asked for the most severe levels and cannot be reached may be eased, by a decision of
certain roles. How many attempts that takes the source does not say: a policy names it, and it shows as assumed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.terms import CallbackOutcome
from triage.reading import Node
from triage.sections import amount, count, flag, words

MISSED = frozenset({CallbackOutcome.NO_ANSWER, CallbackOutcome.BUSY, CallbackOutcome.MACHINE})
"""Attempts that rang in vain. One that failed did not ring: that is our trouble, never the customer's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachability:
    """How many attempts in vain, at least so far `apart`, make a customer unreachable."""

    attempts: int = 2
    apart: timedelta = timedelta(minutes=10)
    clause: str = ""
    assumed: bool = True


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to call a customer, and what came of it."""

    at: datetime
    outcome: CallbackOutcome


def reached(rule: Reachability, attempts: Iterable[Attempt], called_in: Iterable[datetime]) -> bool | None:
    """Whether the customer is reachable: yes after an answer or a call of their own, no after enough attempts in vain.

    None while neither is known. What came later counts: a call of theirs ends everything before it.
    """
    tried = sorted(attempts, key=lambda one: one.at)
    spoke = [one.at for one in tried if one.outcome is CallbackOutcome.ANSWERED] + list(called_in)
    last = max(spoke, default=None)
    missed: list[datetime] = []
    for one in tried:
        after = last is None or one.at > last
        if one.outcome in MISSED and after and (not missed or one.at - missed[-1] >= rule.apart):
            missed.append(one.at)
    if len(missed) >= rule.attempts:
        return False
    return True if last is not None else None


def read_reachability(node: Node) -> Reachability:
    """A pack's `reachability:`; mistakes are noted at their places."""
    at = node.fields(frozenset({"attempts", "apart", "clause"}), frozenset({"assumed"}))
    if "attempts" in at and count(at, "attempts") < 1:
        at["attempts"].wrong("write how many attempts, at least 1")
    return Reachability(
        attempts=max(count(at, "attempts"), 1),
        apart=amount(at["apart"]) if "apart" in at else timedelta(0),
        clause=words(at, "clause"),
        assumed=flag(at, "assumed"),
    )
