"""A small corpus of our own, so that tests of training take a second."""

import pytest

from models.terms import Channel, LabelledRequest
from triage import training
from triage.policy import load_packs

SAMPLES = (
    (
        "incident",
        "P1",
        "Production is down",
        "The production gateway does not answer and nobody can log in. No workaround.",
    ),
    ("incident", "P1", "Total outage", "All requests fail on our live cluster since eight and customers call us."),
    ("incident", "P2", "Very slow", "The production gateway is very slow for many users but answers."),
    ("incident", "P2", "Reduced capacity", "Two of four live nodes fail so we run in reduced capacity."),
    ("incident", "P3", "Export button", "In production the export of one report fails and other reports work."),
    ("incident", "P3", "Odd sorting", "The list in production sorts some names wrongly and users can go on."),
    ("query", "P4", "How to rotate keys", "How can we rotate the signing keys?"),
    ("query", "P4", "Question on limits", "What is the recommended limit for throttling?"),
    ("bug", "P4", "Mediator defect", "While we develop the mediator drops a header on our dev server."),
    ("bug", "P4", "Build fails", "In our development environment the build of the connector fails."),
)


@pytest.fixture(scope="session")
def examples() -> list[LabelledRequest]:
    """Thirty labelled requests of one policy: ten texts and two variants of each."""
    return [
        LabelledRequest(
            id=f"sample-{number}-{copy}",
            policy="wso2",
            channel=Channel.EMAIL,
            subject=subject,
            body=f"{greeting} {body}",
            type=kind,
            priority=level,
        )
        for number, (kind, level, subject, body) in enumerate(SAMPLES)
        for copy, greeting in enumerate(("Hello,", "Dear support,", "Hi team,"))
    ]


@pytest.fixture(scope="session")
def trained(examples):
    """An artefact of the small corpus."""
    return training.train(examples, {"wso2": load_packs()["wso2"]})
