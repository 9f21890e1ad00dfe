"""Prometheus reads counts from PostgreSQL."""

import pytest
from sqlalchemy import Engine

from models import store, tables
from models.errors import Unavailable
from models.store import transaction
from models.terms import Channel, TriageState
from switchboard.metrics import exposition


def test_requests_are_counted_by_state(engine: Engine, now):
    """Two waiting requests are the number two."""
    with transaction(engine) as session:
        for _ in range(2):
            session.add(
                tables.requests.Request(
                    channel=Channel.EMAIL,
                    subject="",
                    policy="wso2",
                    state=TriageState.TO_CONFIRM,
                    party_name="",
                    received_at=now,
                )
            )
    assert b'switchboard_requests{state="to_confirm"} 2.0' in exposition(engine)


def test_a_missing_database_is_an_outage_not_a_zero(tmp_path):
    """A scrape fails rather than lies."""
    with pytest.raises(Unavailable):
        exposition(store.connect(f"postgresql://nobody@/none?host={tmp_path}"))
