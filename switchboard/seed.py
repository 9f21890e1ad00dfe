"""A first classifier, trained from the seed corpus in the package."""

from collections.abc import Callable

from models import tables
from models.store import transaction
from switchboard.lines import Switchboard, now
from triage import training
from triage.desk import registry


def ensure_artefact(house: Switchboard, tell: Callable[[str], None]) -> None:
    """Train and promote a first artefact unless one is in force already."""
    with transaction(house.engine) as session:
        if tables.artefacts.running_id(session) is not None:
            return
    tell("Training a first classifier from the seed corpus …")
    trained = training.train(training.seed_corpus(), house.policies)
    with transaction(house.engine) as session:
        artefact = registry.enrol(session, trained, dict(trained.metrics), secret=house.sites.secret, now=now())
        registry.promote(session, artefact.id, now())
