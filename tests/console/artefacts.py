"""A registry of classifiers as the console's tests need it: artefacts, what they suggested, what was decided."""

from datetime import timedelta
from functools import cache

from models import tables
from models.store import transaction
from models.terms import ArtefactState, Channel, LabelledRequest, TriageState, Verdict
from triage import training
from triage.desk import registry
from triage.policy import load_packs

SECRET = "only-for-this-test-only-for-this-test"
KIND = "incident"
TEXTS = (
    ("incident", "P1", "Production is down and nobody can log in. There is no workaround."),
    ("incident", "P1", "All requests fail on our live cluster since eight."),
    ("incident", "P2", "The production gateway is very slow for many users but answers."),
    ("incident", "P3", "In production the export of one report fails and others work."),
    ("query", "P4", "How can we rotate the signing keys?"),
    ("bug", "P4", "While we develop the mediator drops a header on our dev server."),
)


def figures(right=0.86, ece=0.04, top=None, top_n=20, packs=("wso2",)):
    """Figures as trainings and measurements shape them."""
    label = {"n": 80, "accuracy": right, "macro_f1": right - 0.03, "ece": ece}
    level = label | ({"top_recall": top, "top_n": top_n} if top is not None else {})
    return {
        "n": 160,
        "accuracy": right,
        "macro_f1": right - 0.03,
        "ece": ece,
        "policies": {pack: {"type": label, "priority": level} for pack in packs},
    }


@cache
def trained(copies):
    """A real artefact of a tiny corpus; another number of copies gives another one."""
    examples = [
        LabelledRequest(
            id=f"{place}-{copy}",
            policy="wso2",
            channel=Channel.EMAIL,
            subject="",
            body=f"{text} Copy {copy}.",
            type=kind,
            priority=level,
        )
        for place, (kind, level, text) in enumerate(TEXTS)
        for copy in range(copies)
    ]
    return training.train(examples, {"wso2": load_packs()["wso2"]})


def enrol(desk, copies, days_ago, metrics=None, **values):
    """Add a real artefact as a candidate made so long ago; its id."""
    object.__setattr__(desk.desk, "secret", SECRET)
    made = trained(copies)
    with transaction(desk.engine) as session:
        at = desk.now - timedelta(days=days_ago)
        row = registry.enrol(session, made, metrics or figures(), secret=SECRET, now=at, made_by="beat")
        for name, value in values.items():
            setattr(row, name, value)
        return row.id


def promote(desk, artefact, days_ago=0.0):
    """Put an artefact in force without asking."""
    with transaction(desk.engine) as session:
        registry.promote(session, artefact, desk.now - timedelta(days=days_ago))


def retired(desk, name, days_ago, **values):
    """A row that was in force once; its bytes are none."""
    at = desk.now - timedelta(days=days_ago)
    given = {
        "digest": "e" * 64,
        "signature": "",
        "content": b"",
        "sklearn_version": trained(3).sklearn_version,
        "fingerprint": "f" * 64,
        "metrics": figures(0.8),
        "state": ArtefactState.RETIRED,
        "created_at": at,
        "promoted_at": at,
        "made_by": "mara",
        **values,
    }
    with transaction(desk.engine) as session:
        session.add(tables.artefacts.Artefact(id=name, **given))


def decided(desk, artefact, days_ago, *, said="P1", right="P1", pack="wso2", candidate=None):
    """An incident an artefact suggested a level for, and an engineer decided; perhaps a candidate suggested one too.

    `candidate` is its id and the level it would have suggested.
    """
    at, policy = desk.now - timedelta(days=days_ago), desk.policies[pack]
    shares = {level.value: 0.1 for level in policy.levels}
    with transaction(desk.engine) as session:
        request = _request(pack, right, at)
        session.add(request)
        session.flush()
        suggestion = tables.requests.Suggestion(
            request_id=request.id,
            cause="test",
            policy=policy.ref,
            policy_digest=policy.digest,
            artefact=artefact,
            type=KIND,
            priority=said,
            priority_probability=0.7,
            content={"type": {"value": KIND, "all": {KIND: 1.0}}, "priority": {"all": shares | {said: 0.7}}},
            created_at=at,
        )
        session.add(suggestion)
        session.flush()
        session.add(_decision(suggestion, right, at))
        if candidate is not None:
            session.add(_score(suggestion, *candidate, shares))


def _request(pack, level, at):
    return tables.requests.Request(
        policy=pack,
        state=TriageState.DECIDED,
        channel=Channel.EMAIL,
        subject="s",
        party="marta@example.org",
        party_name="",
        received_at=at,
        decided_type=KIND,
        decided_priority=level,
        decided_at=at,
    )


def _decision(suggestion, level, at):
    return tables.requests.Decision(
        request_id=suggestion.request_id,
        version=1,
        verdict=Verdict.CONFIRMED if suggestion.priority == level else Verdict.CORRECTED,
        type=KIND,
        priority=level,
        suggestion_id=suggestion.id,
        decided_by="ida",
        decided_at=at,
    )


def _score(suggestion, artefact, level, shares):
    return tables.lessons.ShadowScore(
        request_id=suggestion.request_id,
        suggestion_id=suggestion.id,
        artefact=artefact,
        type=KIND,
        priority=level,
        types={KIND: 1.0},
        priorities=shares | {level: 0.7},
        milliseconds=3.2,
        begun_at=suggestion.created_at,
        scored_at=suggestion.created_at,
    )


def measure(name, drifted, means, advice="", value=0.1):
    """A measure of drift as it is stored."""
    return {
        "name": name,
        "value": None if drifted is None else value,
        "limit": 0.3,
        "drifted": drifted,
        "requests": 60,
        "means": means,
        "advice": advice,
        "detail": {},
    }


def drift(desk, *measures, hours_ago=2):
    """A measurement of drift."""
    with transaction(desk.engine) as session:
        at = desk.now - timedelta(hours=hours_ago)
        tables.lessons.report_drift(session, {"measures": list(measures)}, at)


def retraining(desk, days_ago, *, failed=False, ended=True, outcome="sb-x waits in the shadow for a person"):
    """A training that took a minute, or never ended."""
    at = desk.now - timedelta(days=days_ago)
    with transaction(desk.engine) as session:
        session.add(
            tables.lessons.Retraining(
                started_at=at,
                ended_at=at + timedelta(minutes=1) if ended else None,
                made_by="beat",
                failed=failed,
                outcome=outcome,
            )
        )


def busy(desk):
    """Twelve weeks of a house that learns: one in force, a candidate beside it, older ones, drift; both ids."""
    retired(desk, "sb-4f1c09a7be21", 75, refusal="scikit-learn 1.6.1 made it", counts={"decisions": 12, "seed": 1106})
    retired(desk, "sb-90ab3e55d1c4", 54, counts={"decisions": 188, "seed": 1098, "imports": 40})
    before = {"decisions": 512, "seed": 1071, "imports": 40, "repeated": 33}
    running = enrol(desk, 3, 26, figures(0.842, 0.051, packs=("wso2", "witboost")), counts=before)
    promote(desk, running, 24)
    better = figures(0.868, 0.038, packs=("wso2", "witboost"))
    candidate = enrol(desk, 4, 6, better, counts=before | {"decisions": 731, "seed": 1064})
    enrol(desk, 2, 13, figures(0.79, 0.062, packs=("wso2", "witboost")), counts=before | {"decisions": 655})
    retraining(desk, 6, outcome=f"{candidate} waits in the shadow for a person")
    for week in range(12):
        number = (31, 27, 24, 33, 22, 26, 0, 25, 21, 12, 24, 20)[week]
        wrong = (4, 4, 5, 5, 5, 6, 0, 7, 7, 4, 8, 7)[week]
        for place in range(number):
            age = week * 7 + 0.2 + place * 0.2
            said, right = ("P3", "P1") if place < wrong and place % 4 == 0 else ("P2" if place < wrong else "P1", "P1")
            if place >= number * 2 // 3:
                said = right = "P3"
            artefact = running if age < 24 else "sb-90ab3e55d1c4"
            shown = (candidate, "P1" if place == 0 else said) if age < 5.9 else None
            decided(desk, artefact, age, said=said, right=right, candidate=shown, pack=("wso2", "witboost")[place % 2])
    drift(
        desk,
        measure(
            "input_words",
            True,
            "Words are used 0.41 apart from the training texts (0: alike, 1: nothing in common); 0.12 would be chance "
            "for as many words. More often than taught: kubernetes, helm, ingress, pod.",
            "Decide more of these requests, import history of this kind, and retrain.",
        ),
        measure("unknown_words", False, "9% of the words are none the classifier knows well; it was 7% in training."),
        measure("priorities:wso2", False, "The priority mix of wso2 differs by 6%; up to 14% is chance."),
        measure("types:witboost", None, "Too few requests to say: 22, and 40 are needed."),
        measure("agreement_28_days", False, "Engineers confirmed 83% of 115 suggestions in the last 28 days."),
    )
    return running, candidate
