"""Who could not be reached by telephone, and who called in after all."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as some

from models.terms import CallbackOutcome as Outcome
from triage.policy import check
from triage.reachability import Attempt, Reachability, reached

START = datetime.fromisoformat("2026-11-21T09:00:00+00:00")
RULE = Reachability(attempts=2, apart=timedelta(minutes=10))
outcomes = some.sampled_from(list(Outcome))
moments = some.integers(0, 600).map(lambda minutes: START + timedelta(minutes=minutes))
attempts = some.lists(some.builds(Attempt, moments, outcomes), max_size=8)


def after(minutes: int) -> datetime:
    """So many minutes after the start."""
    return START + timedelta(minutes=minutes)


def test_nobody_is_unreachable_before_enough_attempts():
    """One attempt in vain says nothing, neither do two in a row within a minute."""
    assert reached(RULE, [], []) is None
    assert reached(RULE, [Attempt(START, Outcome.NO_ANSWER)], []) is None
    assert reached(RULE, [Attempt(START, Outcome.NO_ANSWER), Attempt(after(1), Outcome.BUSY)], []) is None


def test_two_attempts_apart_make_a_customer_unreachable():
    """A machine that answers is nobody."""
    assert reached(RULE, [Attempt(START, Outcome.NO_ANSWER), Attempt(after(10), Outcome.MACHINE)], []) is False


def test_an_attempt_that_failed_is_our_own_trouble():
    """A call that never rang is not held against the customer."""
    tried = [Attempt(START, Outcome.FAILED), Attempt(after(20), Outcome.FAILED), Attempt(after(40), Outcome.PLACED)]
    assert reached(RULE, tried, []) is None


def test_a_call_of_theirs_ends_what_was_before_it():
    """Who calls in is reachable; only what comes after counts again."""
    missed = [Attempt(START, Outcome.NO_ANSWER), Attempt(after(20), Outcome.NO_ANSWER)]
    assert reached(RULE, missed, [after(30)]) is True
    assert reached(RULE, missed, [after(10)]) is True
    again = [*missed, Attempt(after(40), Outcome.NO_ANSWER), Attempt(after(55), Outcome.NO_ANSWER)]
    assert reached(RULE, again, [after(30)]) is False


def test_an_answer_counts_like_a_call_of_theirs():
    """Somebody picked up."""
    tried = [Attempt(START, Outcome.NO_ANSWER), Attempt(after(20), Outcome.ANSWERED)]
    assert reached(RULE, tried, []) is True


@given(attempts, some.lists(moments, max_size=3), moments)
def test_calling_in_now_always_makes_reachable(tried, called_in, later):
    """Whatever the ledger says, a call after the last attempt ends it."""
    last = max([later, *(one.at for one in tried)]) + timedelta(seconds=1)
    assert reached(RULE, tried, [*called_in, last]) is True


@given(attempts, some.lists(moments, max_size=3), some.randoms())
def test_the_order_of_the_ledger_does_not_matter(tried, called_in, random):
    """Rows may come in any order."""
    shuffled = random.sample(tried, len(tried))
    if len({one.at for one in tried}) == len(tried):
        assert reached(RULE, shuffled, called_in) == reached(RULE, tried, called_in)


def test_mistakes_of_the_section_are_named():
    """Number and clause are needed."""
    text = "reachability: {attempts: 0, apart: soon}\n"
    found = "\n".join(check(text, "mine.yaml"))
    assert "at least 1" in found
    assert "clause" in found
    assert "soon" in found
