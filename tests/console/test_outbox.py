"""The outbox's switch and funnel, what a follow-up asks for, and files as they came."""

from datetime import timedelta

import pytest

from models import tables
from models.store import transaction
from models.terms import Autoreply, Channel, Joined, MailState, Role, TriageState


@pytest.fixture
def lead(house):
    """A signed-in lead."""
    house.engineer("leo", Role.LEAD)
    return house.signed_in("leo")


def test_a_lead_stops_automatic_replies(house, ida, lead):
    """One button; an engineer sees the state and may not press it."""
    assert "Senders are answered" in lead.get("/outbox").text
    assert lead.post("/outbox/autoreply", data={"value": "off"}).status_code == 303
    with transaction(house.engine) as session:
        assert tables.mail.switch(session, "autoreply") == "off"
    page = ida.get("/outbox").text
    assert "Nobody is answered" in page
    assert "Stop now" not in page
    assert ida.post("/outbox/autoreply", data={"value": "on"}).status_code == 403
    assert lead.post("/outbox/autoreply", data={"value": "perhaps"}).status_code == 422


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Autoreply.ON, Autoreply.OFF, Autoreply.OFF),
        (Autoreply.DRY_RUN, Autoreply.ON, Autoreply.DRY_RUN),
        (Autoreply.OFF, Autoreply.DRY_RUN, Autoreply.OFF),
        (Autoreply.ON, Autoreply.ON, Autoreply.ON),
    ],
)
def test_a_switch_only_restrains(one, other, expected):
    """Whoever says less is obeyed, whichever of the two it is."""
    assert one.at_most(other) is expected
    assert other.at_most(one) is expected


def test_the_funnel_counts_by_policy(house, ida, now):
    """Told, opened, raised and wrote again stand side by side."""
    reference = house.request()
    with transaction(house.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        session.add(
            tables.redirections.Redirection(
                request_id=row.id, policy="acme", told_at=now, opened_at=now, raised_at=now, raised_on=Channel.PORTAL
            )
        )
    page = ida.get("/outbox").text
    assert "What redirection achieves" in page
    assert "100 %" in page


def test_what_needs_a_look_is_one_click_away(house, ida, now):
    """The filters narrow to silence, or to replies that did not arrive for sure."""
    with transaction(house.engine) as session:
        session.add(_mail("a", now, suppression="list", suppression_evidence="List-Id"))
    assert "List-Id" in ida.get("/outbox?only=silent").text
    assert "List-Id" not in ida.get("/outbox?only=look").text
    assert ida.get("/outbox?only=else").status_code == 422


def test_a_follow_up_after_the_decision_comes_back_to_the_queue(house, ida, suggested, now):
    """It can be kept with one key or decided anew; then it leaves the queue."""
    reference = house.request("Node six", content=suggested(), state=TriageState.DECIDED, version=2)
    with transaction(house.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        row.decided_type, row.decided_priority, row.decided_at = "incident", "P2", now
        row.follow_up_at = now + timedelta(minutes=5)
        session.add(
            tables.requests.Decision(
                request_id=row.id,
                version=1,
                verdict="confirmed",
                type="incident",
                priority="P2",
                decided_by="ida",
                decided_at=now,
            )
        )
    page = ida.get(f"/triage/{reference}").text
    assert "Wrote again after the decision" in page
    assert "Stay with" in page
    done = ida.post(f"/requests/{reference}/decision", data={"version": 2, "type": "incident", "priority": "P2"})
    assert done.status_code == 303
    assert "Wrote again after the decision" not in ida.get("/triage").text


def test_how_a_mail_joined_is_shown(house, ida, now):
    """And why one did not: a thread named by somebody who took no part in it."""
    reference = house.request()
    with transaction(house.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        mail = _mail("a", now, request_id=row.id, joined=Joined.THREAD, joined_evidence="In-Reply-To <x@example.org>")
        session.add(mail)
        session.flush()
        said = tables.requests.interactions(session, row.id)[0]
        said.source = f"mail:{mail.id}"
        mail_id = mail.id
    page = ida.get(f"/requests/{reference}").text
    assert "answers a mail of this request" in page
    assert "In-Reply-To &lt;x@example.org&gt;" in page
    raw = ida.get(f"/mails/{mail_id}")
    assert raw.content == b"Subject: a\r\n\r\nx\r\n"
    assert raw.headers["content-disposition"].startswith("attachment")
    assert raw.headers["content-type"] == "application/octet-stream"
    assert raw.headers["x-content-type-options"] == "nosniff"


def test_a_hostile_file_name_is_only_a_name(house, ida, now):
    """A customer's file is downloaded under an encoded name and never shown from our origin."""
    reference = house.request()
    with transaction(house.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        upload = tables.requests.Upload(
            request_id=row.id,
            name='../"\r\nX: y\u202egpj.html',
            content_type="text/html",
            size=8,
            digest="d",
            content=b"<script>",
            received_at=now,
        )
        session.add(upload)
        session.flush()
        upload_id = upload.id
    answer = ida.get(f"/uploads/{upload_id}")
    assert answer.content == b"<script>"
    assert answer.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''..%2F%22%0D%0AX%3A%20y%E2%80%AEgpj.html"
    )
    assert f"/uploads/{upload_id}" in ida.get(f"/requests/{reference}").text
    assert ida.get(f"/uploads/{row.id}").status_code == 404


def _mail(digest, now, **values):
    return tables.mail.Mail(
        digest=digest,
        mail_from="marta@example.org",
        rcpt_to=["support@example.com"],
        peer="192.0.2.1",
        helo="mx.example.org",
        size=15,
        raw=b"Subject: a\r\n\r\nx\r\n",
        received_at=now,
        state=MailState.PROCESSED,
        **values,
    )
