"""What Prometheus reads: counted from PostgreSQL at each scrape, so every replica says the same."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import InstrumentedAttribute

from models import tables
from models.store import transaction
from triage.desk import learning

COUNTED: tuple[tuple[str, str, InstrumentedAttribute[object]], ...] = (
    ("switchboard_mails", "Accepted mails by state", tables.mail.Mail.state),
    ("switchboard_replies", "Replies by state", tables.mail.OutgoingMail.state),
    ("switchboard_requests", "Requests by state", tables.requests.Request.state),
    ("switchboard_jobs", "Jobs by state", tables.jobs.Job.state),
    ("switchboard_decisions", "Decisions by verdict", tables.requests.Decision.verdict),
    ("switchboard_calls", "Calls by Twilio status", tables.calls.Call.status),
)

LEARNT: tuple[tuple[str, str, str], ...] = (
    ("switchboard_classifier_drift", "What was measured last of drift, by measure", "value"),
    ("switchboard_classifier_drift_limit", "From where on a measure of drift wants a look", "limit"),
    ("switchboard_classifier_drifted", "1: beyond its limit; 0: not; absent: too few requests to say", "drifted"),
)
REFUSED = "switchboard_classifier_refused"
GONE = "switchboard_classifier_gone_requests"


class Learnt(Collector):
    """What the last measurement of drift said, and whether the artefact in force may be trusted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """A gauge for each kind of figure, labelled with what was measured.

        Raises:
            Unavailable: PostgreSQL is away.

        """
        with transaction(self._engine) as session:
            last = tables.lessons.last_drift(session)
            running = tables.artefacts.running(session)
            gone = learning.gone(session, running.id).get(running.id, 0) if running else 0
        for name, documentation, figure in LEARNT:
            family = GaugeMetricFamily(name, documentation, labels=["measure"])
            for one in last.content["measures"] if last else ():
                if one[figure] is not None:
                    family.add_metric([one["name"]], float(one[figure]))
            yield family
        refused = float(running is None or running.refusal is not None)
        yield GaugeMetricFamily(REFUSED, "1: no artefact, or a worker refused the one in force", value=refused)
        yield GaugeMetricFamily(GONE, "Requests erased since that the artefact in force was taught", value=gone)


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
    registry.register(Learnt(engine))
    return generate_latest(registry)
