"""What Prometheus reads: counted from PostgreSQL at each scrape, so every replica says the same."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import InstrumentedAttribute

from models import tables
from models.store import transaction

COUNTED: tuple[tuple[str, str, InstrumentedAttribute[object]], ...] = (
    ("switchboard_mails", "Accepted mails by state", tables.mail.Mail.state),
    ("switchboard_replies", "Replies by state", tables.mail.OutgoingMail.state),
    ("switchboard_requests", "Requests by state", tables.requests.Request.state),
    ("switchboard_jobs", "Jobs by state", tables.jobs.Job.state),
    ("switchboard_decisions", "Decisions by verdict", tables.requests.Decision.verdict),
    ("switchboard_calls", "Calls by Twilio status", tables.calls.Call.status),
)


class Counts(Collector):
    """Row counts by state."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge per table.

        Raises:
            Unavailable: PostgreSQL is away.

        """
        with transaction(self._engine) as session:
            for name, documentation, state in COUNTED:
                family = GaugeMetricFamily(name, documentation, labels=["state"])
                for value, number in session.execute(select(state, func.count()).group_by(state)):
                    family.add_metric([str(value)], number)
                yield family


def exposition(engine: Engine) -> bytes:
    """The text Prometheus scrapes (exposition format 0.0.4)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Counts(engine))
    return generate_latest(registry)
