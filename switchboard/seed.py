"""A first classifier, trained from the seed corpus in the package."""

from collections.abc import Callable

from models import tables
from models.store import transaction
from switchboard.lines import Switchboard, now
from triage import training
from triage.desk import drift, learning, registry


def ensure_artefact(house: Switchboard, tell: Callable[[str], None]) -> None:
    """Train and promote a first artefact unless one is in force already."""
    with transaction(house.engine) as session:
        if tables.artefacts.running_id(session) is not None:
            return
    tell("Training a first classifier from the seed corpus …")
    lessons = learning.of_seed(house.policies)
    trained = training.train(lessons.examples, house.policies)
    with transaction(house.engine) as session:
        artefact = registry.enrol(
            session,
            trained,
            dict(trained.metrics),
            secret=house.sites.secret,
            now=now(),
            lessons=lessons,
            profile=drift.profile(lessons.examples),
            made_by="first start",
        )
        registry.promote(session, artefact.id, now())
