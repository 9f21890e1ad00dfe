"""The classifier's page: what it shows of the registry, what a lead may do there, and what is refused."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from models import tables
from models.store import transaction

PROMOTE, ROLLBACK = "/classifier/promote", "/classifier/rollback"


def in_force(desk):
    """The id of the artefact in force."""
    with transaction(desk.engine) as session:
        return tables.artefacts.running_id(session)


def main_of(page):
    """What stands between the bar and the toast."""
    return page.text.split("<main")[1].split("</main>")[0]


@pytest.fixture
def two(desk, artefacts):
    """One artefact in force and a better candidate; both ids."""
    running = artefacts.enrol(desk, 3, 26)
    artefacts.promote(desk, running, 24)
    return running, artefacts.enrol(desk, 4, 6, artefacts.figures(0.9, 0.03))


def worse(desk, artefacts):
    """A candidate that is right less often."""
    return artefacts.enrol(desk, 2, 5, artefacts.figures(0.71, 0.09))


def test_an_empty_registry_says_what_to_do(desk, lea):
    """Nothing in force, nothing decided, nothing measured: each place says so, and there is no button."""
    page = lea.get("/classifier")
    assert page.status_code == 200
    for said in ("stay unclassified", "No candidate is tried", "Not measured yet", "registry is empty", "Due now"):
        assert said in page.text
    assert "No suggestion was decided on in the last 12 weeks" in page.text
    assert "<button" not in main_of(page)


def test_all_there_is_to_say_of_a_busy_house(desk, artefacts, ida):
    """In force, figures by policy, candidate, versions and what is wrong, drift, agreement, the next training."""
    running, candidate = artefacts.busy(desk)
    page = ida.get("/classifier").text
    for said in (
        f'In force <code>{running}</code> <span>since <time datetime="2026-10-28T09:30:00Z">',
        "by beat on 512 decisions, 1071 seed examples, 40 imports, with scikit-learn",
        "of 96 live decisions",
        '73.5 %</p><p class="hint">of 68 decided as top priority',
        f"In the shadow <code>{candidate}</code>",
        "It was asked about <strong>29</strong> suggestions",
        "29 of 50 decisions on requests that both suggested for",
        "too few to say",
        "What a promotion goes by meanwhile",
        "More often than taught: kubernetes, helm, ingress, pod.",
        "Decide more of these requests",
        "Priorities, WSO2 Managed Cloud<em>as before</em>",
        "Words<em>worth a look</em>",
        "Refused: scikit-learn 1.6.1 made it",
        '<p class="when"><strong><time datetime="2026-11-22T09:30:00Z">',
        "waits in the shadow until a lead promotes it",
        "106 requests were decided since the one in force was made",
    ):
        assert said in page, said
    assert (
        page.index("Words<em>worth a look") < page.index("Unknown words<em>as before") < page.index("Types, Witboost")
    )
    assert 'class="band"' in page
    assert " style=" not in page
    assert "onclick" not in page


def test_few_decisions_are_no_figure(desk, artefacts, two, ida):
    """Below twenty live decisions the tiles show what was cross-validated, and say how few there are."""
    for place in range(3):
        artefacts.decided(desk, two[0], 1 + place, said="P1")
    page = ida.get("/classifier").text
    assert '86.0 %</p><p class="hint">cross-validated' in page
    assert '–</p><p class="hint">too few to say: 3 live decisions' in page
    assert "3 live decisions so far: too few to say" in page
    assert "None of these requests is decided yet" in page


def test_what_was_undone_or_suggested_by_another_counts_for_nothing(desk, artefacts, two, ida):
    """Live figures are of decisions in force on what the artefact in force suggested."""
    artefacts.decided(desk, two[0], 1)
    artefacts.decided(desk, "sb-before", 1)
    artefacts.decided(desk, two[0], 2)
    with transaction(desk.engine) as session:
        last = session.query(tables.requests.Decision).order_by(tables.requests.Decision.id.desc()).first()
        session.add(
            tables.requests.Decision(
                request_id=last.request_id, version=2, verdict="undone", decided_by="ida", decided_at=desk.now
            )
        )
    assert "1 live decision so far: too few to say" in ida.get("/classifier").text


def test_everybody_signed_in_reads_and_only_leads_act(desk, two, ida):
    """Viewers and engineers see no button, and a form sent all the same is refused; strangers sign in first."""
    with desk.signed_in("vera") as vera:
        for browser in (vera, ida):
            page = browser.get("/classifier")
            assert page.status_code == 200
            assert "<button" not in main_of(page)
            for path in (PROMOTE, ROLLBACK):
                sent = browser.post(path, data={"artefact": two[1], "in_force": two[0]})
                assert sent.status_code == 403
                assert "lead" in sent.text
    with desk.client() as nobody:
        assert nobody.get("/classifier").headers["location"] == "/sign-in?next=/classifier"
        assert nobody.post(PROMOTE, data={"artefact": two[1], "in_force": two[0]}).status_code == 303
    assert in_force(desk) == two[0]


def test_a_form_of_another_site_promotes_nothing(desk, two, lea):
    """A lead's browser that is made to send the form from elsewhere is refused."""
    given = {"artefact": two[1], "in_force": two[0]}
    assert lea.post(PROMOTE, data=given, headers={"origin": "https://evil.example"}).status_code == 403
    assert lea.post(ROLLBACK, data=given, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert in_force(desk) == two[0]


def test_a_lead_promotes_and_rolls_back(desk, two, lea):
    """Either is told in a toast that names what is in force, and only while it is."""
    running, candidate = two
    with capture_logs() as logs:
        done = lea.post(PROMOTE, data={"artefact": candidate, "in_force": running})
    assert done.status_code == 303
    assert in_force(desk) == candidate
    assert logs[-1] | {"event": "artefact.promoted", "by": "lea", "before": running, "forced": False} == logs[-1]
    page = lea.get(done.headers["location"]).text
    assert f"<strong>{candidate}</strong> is in force." in page
    assert f"Roll back to {running}" in page
    back = lea.post(ROLLBACK, data={"in_force": candidate})
    assert in_force(desk) == running
    assert f"<strong>{running}</strong> is in force again." in lea.get(back.headers["location"]).text
    assert 'class="toast"' not in lea.get(done.headers["location"]).text


def test_a_worse_one_is_refused_with_the_reasons_and_may_be_forced_with_one(desk, artefacts, two, lea):
    """The refusal names both figures; the second form needs a reason, which the log keeps with who gave it."""
    poor, given = worse(desk, artefacts), {"in_force": two[0]}
    page = lea.get("/classifier").text
    assert "Worse: accuracy 0.710 is below the running artefact&#39;s 0.860" in page
    refused = lea.post(PROMOTE, data=given | {"artefact": poor})
    assert refused.status_code == 409
    assert f"<code>{poor}</code> was not put in force" in refused.text
    assert "calibration error 0.090 is above the running artefact&#39;s 0.040" in refused.text
    assert "Promote all the same" in refused.text
    silent = lea.post(PROMOTE, data=given | {"artefact": poor, "force": "true", "reason": "  "})
    assert silent.status_code == 422
    assert "Write why" in silent.text
    assert in_force(desk) == two[0]
    with capture_logs() as logs:
        lea.post(PROMOTE, data=given | {"artefact": poor, "force": "true", "reason": "customers moved"})
    assert in_force(desk) == poor
    assert logs[-1]["reason"] == "customers moved"


def test_somebody_was_first(desk, artefacts, two, lea):
    """A page made for another artefact in force changes nothing, and says what is in force now."""
    artefacts.promote(desk, two[1])
    for path in (PROMOTE, ROLLBACK):
        late = lea.post(path, data={"artefact": two[0], "in_force": two[0]})
        assert late.status_code == 409
        assert f"Somebody was first: {two[1]} is in force now." in late.text
    assert in_force(desk) == two[1]


def test_of_two_promotions_at_the_same_moment_the_second_is_told(desk, artefacts, two, lea):
    """The one that waited for the other's transaction ends as a conflict, not as an error of ours."""
    third, answers = artefacts.enrol(desk, 2, 1, artefacts.figures(0.95, 0.02)), []
    with transaction(desk.engine) as session:
        tables.artefacts.promote(session, session.get_one(tables.artefacts.Artefact, two[1]), desk.now)
        given = {"artefact": third, "in_force": two[0]}
        waiting = threading.Thread(target=lambda: answers.append(lea.post(PROMOTE, data=given)))
        waiting.start()
        waiting.join(3)
        assert waiting.is_alive(), "it did not wait"
    waiting.join(60)
    assert answers[0].status_code == 409
    assert "Somebody was first" in answers[0].text
    assert in_force(desk) == two[1]


def test_what_cannot_be_loaded_is_not_to_be_forced(desk, two, lea):
    """A signature that is not ours ends in words, whatever reason is given."""
    with transaction(desk.engine) as session:
        row = tables.artefacts.Artefact
        session.execute(update(row).where(row.id == two[1]).values(signature="0" * 64))
    given = {"artefact": two[1], "in_force": two[0], "force": "true", "reason": "because"}
    refused = lea.post(PROMOTE, data=given)
    assert refused.status_code == 409
    assert "which no force helps" in refused.text
    assert in_force(desk) == two[0]
    assert lea.post(PROMOTE, data=given | {"artefact": "sb-none"}).status_code == 404


def test_what_workers_refused_has_no_button(desk, artefacts, lea):
    """A refused candidate, and one of another scikit-learn, say why and cannot be chosen."""
    artefacts.enrol(desk, 3, 2, refusal="the digest is another one")
    artefacts.enrol(desk, 4, 1, sklearn_version="0.24.2")
    page = lea.get("/classifier")
    assert "Refused: the digest is another one" in page.text
    assert "Made with scikit-learn 0.24.2, which is not the one installed" in page.text
    assert "<button" not in main_of(page)


def test_a_refused_one_in_force_is_told_first(desk, artefacts, two, ida):
    """Whoever opens the page reads that requests may stay unclassified."""
    with transaction(desk.engine) as session:
        tables.artefacts.refuse(session, two[0], "the signature is not ours")
    page = ida.get("/classifier").text
    assert "refused: the signature is not ours. Workers go on with what they had loaded before" in page


def test_erased_requests_are_told(desk, artefacts, two, ida):
    """An artefact that was taught a request that is gone says so."""
    artefacts.decided(desk, two[0], 30)
    with transaction(desk.engine) as session:
        taught = session.query(tables.requests.Request).one().id
        tables.lessons.forget(session, taught, "ida", "asked to", desk.now)
        session.get_one(tables.artefacts.Artefact, two[0]).taught = [taught]
    assert "It was taught 1 request that is gone; the next training replaces it." in ida.get("/classifier").text


def test_nothing_to_go_back_to(desk, two, lea):
    """Without an earlier artefact there is no button, and the form says so."""
    assert "Roll back" not in main_of(lea.get("/classifier"))
    answer = lea.post(ROLLBACK, data={"in_force": two[0]})
    assert answer.status_code == 409
    assert "no earlier artefact" in answer.text


def test_drift_from_before_says_so(desk, artefacts, two, ida):
    """Measured before the one in force was put there, words were compared with another one's."""
    artefacts.drift(desk, artefacts.measure("labels", None, "Too few requests to say: 0, and 40 are needed."))
    assert "Measured before the one in force" not in ida.get("/classifier").text
    artefacts.promote(desk, two[1])
    assert "Measured before the one in force" in ida.get("/classifier").text


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ({"days_ago": 1}, 'datetime="2026-11-27T09:30:00Z"'),
        ({"days_ago": 8}, "Due now"),
        ({"days_ago": 0.01, "failed": True, "outcome": "MemoryError: "}, 'datetime="2026-11-21T10:15:36Z"'),
        ({"days_ago": 0.01, "failed": True, "ended": False}, "Under way"),
        ({"days_ago": 0.2, "failed": True, "ended": False}, "Its process ended before it did"),
    ],
)
def test_when_the_next_training_is_due(desk, artefacts, two, ida, last, said):
    """A week after the last good one; after a failure, within the hour; at once if that has passed."""
    artefacts.retraining(desk, **last)
    page = ida.get("/classifier").text
    assert said in page[page.index('id="training"') :].split("</section>")[0]


def test_trainings_as_they_are_set(desk, two, ida):
    """Never by itself where the setting says so; put in force by itself where that one does."""
    object.__setattr__(desk.desk, "retrain_promotes", True)
    assert "is put in force by itself unless it is worse" in ida.get("/classifier").text
    object.__setattr__(desk.desk, "retrain_every", timedelta(0))
    assert "Only by command" in ida.get("/classifier").text
