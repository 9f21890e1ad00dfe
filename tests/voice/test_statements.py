"""A caller waits for each webhook: what it asks of PostgreSQL is counted, and stays little."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, event, text

from models.store import transaction


@pytest.fixture
def line(hurried):
    """A phone door whose connections nobody else uses."""
    return hurried


@pytest.fixture
def asked(soon_given_up: Engine) -> Callable[[Callable[[], object]], list[str]]:
    """The statements that the line makes while something is done, without BEGIN and COMMIT."""
    made: list[str] = []
    event.listen(soon_given_up, "before_cursor_execute", lambda *told: made.append(told[2]))

    def while_doing(step: Callable[[], object]) -> list[str]:
        made.clear()
        step()
        return list(made)

    return while_doing


def test_a_turn_is_three_statements(caller, asked):
    """The call is held, a repeated webhook is looked for, and call and answer are written at once."""
    guest = caller().dials()
    for press in (lambda: guest.presses("2"), lambda: guest.presses("")):
        first, *others = asked(press)
        assert "FROM calls" in first
        assert first.endswith("FOR UPDATE")
        assert len(others) == 2


def test_a_call_is_written_twice_at_its_first_ring(caller, asked):
    """Once to hold it against the same webhook, once with all that was learnt; the desk is asked in between."""
    made = asked(lambda: caller().dials())
    assert [("INSERT INTO calls" in each, "UPDATE calls" in each) for each in (made[0], made[-1])] == [
        (True, False),
        (False, True),
    ]
    assert sum("calls SET" in each or "INTO calls" in each for each in made) == 2
    assert len(made) <= 12


def test_a_webhook_that_is_repeated_writes_nothing(caller, asked):
    """It finds the answer that was given."""
    guest = caller().dials()
    again = asked(
        lambda: guest.line.post("/voice/inbound", CallSid=guest.sid, CallStatus="ringing", Direction="inbound")
    )
    assert len(again) == 3
    assert not any("UPDATE calls" in each for each in again)


def test_a_connection_that_died_between_two_webhooks_is_replaced(caller, asked, engine: Engine):
    """PostgreSQL was restarted: nobody notices, though no connection is asked before each webhook whether it lives."""
    guest = caller().dials()
    with transaction(engine) as session:
        others = "select pg_terminate_backend(pid, 10_000) from pg_stat_activity where datname = current_database()"
        ended = session.scalars(text(f"{others} and pid <> pg_backend_pid() and backend_type = 'client backend'")).all()
    assert True in ended
    made = asked(lambda: guest.presses("2").hears("account"))
    assert len(made) == 3
