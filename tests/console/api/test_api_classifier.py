"""The classifier over the API: what the page shows, and a lead's token promotes and rolls back."""

import pytest

from models.terms import Role


@pytest.fixture
def two(desk, artefacts):
    """One artefact in force and a better candidate; both ids."""
    running = artefacts.enrol(desk, 3, 26)
    artefacts.promote(desk, running, 24)
    return running, artefacts.enrol(desk, 4, 6, artefacts.figures(0.9, 0.03))


@pytest.fixture
def lead(desk):
    """A program with a lead's token."""
    with desk.api(Role.LEAD) as client:
        yield client


def test_a_viewer_reads_what_the_page_shows(desk, artefacts):
    """In force, versions with what is wrong, shadow, drift, agreement and the next training, the ETag beside them."""
    running, candidate = artefacts.busy(desk)
    with desk.api(Role.VIEWER) as client:
        answer = client.get("/api/v1/classifier")
        found = answer.json()
        assert client.post("/api/v1/classifier/rollback", headers={"If-Match": "x"}).status_code == 403
    assert answer.headers["etag"] == f'"{running}"'
    assert found["in_force"] == running
    assert found["live"]["decided"] == 96
    assert found["live"]["figures"]["policies"]["wso2"]["priority"]["top_n"] == 34
    assert [one["id"] for one in found["versions"]][::2][:2] == [candidate, running]
    assert found["versions"][-1]["wrong"] == ["refused: scikit-learn 1.6.1 made it"]
    assert found["versions"][0]["comparison"]["reasons"] == []
    assert (found["shadow"]["candidate"], found["shadow"]["decided"], found["shadow"]["enough"]) == (
        candidate,
        29,
        False,
    )
    assert found["drift"]["measures"][0]["name"] == "input_words"
    assert len(found["agreement"]) == 12
    assert found["training"]["due"] == "2026-11-22T09:30:00Z"
    assert found["training"]["last"]["made_by"] == "beat"


def test_an_empty_registry_is_no_error(desk):
    """Nothing in force is null, and its ETag is empty."""
    with desk.api(Role.VIEWER) as client:
        answer = client.get("/api/v1/classifier")
    assert answer.headers["etag"] == '""'
    assert [answer.json()[name] for name in ("in_force", "versions", "shadow", "drift")] == [None, [], None, None]


def test_a_lead_promotes_and_rolls_back(two, lead):
    """Each names what it saw in force, and answers with how it stands now."""
    running, candidate = two
    sent = lead.post("/api/v1/classifier/promote", json={"artefact": candidate}, headers={"If-Match": f'"{running}"'})
    assert sent.status_code == 200, sent.text
    assert sent.json()["in_force"] == candidate
    back = lead.post("/api/v1/classifier/rollback", headers={"If-Match": sent.headers["etag"]})
    assert back.json()["in_force"] == running


def test_what_was_not_seen_is_not_replaced(two, lead):
    """Without If-Match 428; with another artefact's id 409, with the classifier as it stands."""
    given = {"artefact": two[1]}
    assert lead.post("/api/v1/classifier/promote", json=given).status_code == 428
    late = lead.post("/api/v1/classifier/promote", json=given, headers={"If-Match": '"sb-other"'})
    assert late.status_code == 409
    assert late.json()["error"]["code"] == "conflict"
    assert late.json()["classifier"]["in_force"] == two[0]


def test_a_worse_one_needs_force_and_a_reason(desk, artefacts, two, lead):
    """409 with the reasons, 422 without one of one's own, then it is in force."""
    poor = artefacts.enrol(desk, 2, 5, artefacts.figures(0.71, 0.09))
    headers = {"If-Match": f'"{two[0]}"'}
    refused = lead.post("/api/v1/classifier/promote", json={"artefact": poor}, headers=headers)
    assert refused.status_code == 409
    assert "accuracy 0.710 is below" in refused.json()["error"]["message"]
    silent = lead.post("/api/v1/classifier/promote", json={"artefact": poor, "force": True}, headers=headers)
    assert silent.status_code == 422
    given = {"artefact": poor, "force": True, "reason": "customers moved"}
    assert lead.post("/api/v1/classifier/promote", json=given, headers=headers).json()["in_force"] == poor


def test_an_engineer_promotes_nothing(desk, two):
    """Their token reads only."""
    with desk.api(Role.ENGINEER) as client:
        given = {"json": {"artefact": two[1]}, "headers": {"If-Match": f'"{two[0]}"'}}
        assert client.post("/api/v1/classifier/promote", **given).status_code == 403
