"""The triage page and the decision, as browsers without JavaScript use them."""

import pytest
from sqlalchemy import select

from models import tables
from models.store import transaction
from models.terms import Channel, MailState, OutgoingState, Role, Verdict


def confirm(client, reference, *, version=1, kind="incident", priority="P2", **more):
    """Send the form of the Confirm button."""
    return client.post(
        f"/requests/{reference}/decision",
        data={"version": version, "type": kind, "priority": priority, **more},
    )


def decisions(house):
    """Every decision there is, oldest first."""
    with transaction(house.engine) as session:
        return list(session.scalars(select(tables.requests.Decision).order_by(tables.requests.Decision.id)))


def test_the_queue_opens_its_first_request(house, ida, suggested):
    """The triage page shows the queue and, open, its first request with its suggestion."""
    reference = house.request(content=suggested())
    page = ida.get("/triage")
    assert page.status_code == 200
    assert reference in page.text
    assert "Confirm Incident · P2 High" in page.text


def test_an_empty_queue_says_so(ida):
    """Without requests there is a sentence, not an empty page."""
    page = ida.get("/triage").text
    assert "Nothing to confirm" in page


def test_the_queue_puts_what_looks_most_severe_first(house, ida, suggested):
    """A mail that looks like P1 comes before running clocks, and those before mail; in each the longest wait first."""
    waits = house.request("mail", content=suggested("P3"), minutes_ago=300)
    young = house.request("young call", channel=Channel.PHONE, content=suggested("P2"), minutes_ago=5)
    old = house.request("old call", channel=Channel.PHONE, content=suggested("P3"), minutes_ago=50)
    severe = house.request("severe mail", content=suggested("P1"), minutes_ago=1)
    page = ida.get("/triage").text
    places = [page.index(f'id="row-{reference[3:]}"') for reference in (severe, old, young, waits)]
    assert places == sorted(places)
    assert "Looks most severe" in page
    assert "no SLA" in page


def test_the_queue_can_be_one_channel(house, ida, suggested):
    """A channel's view holds its requests only, and stays chosen after a decision."""
    call = house.request("a call", channel=Channel.PHONE, content=suggested())
    second = house.request("another call", channel=Channel.PHONE, content=suggested(), minutes_ago=1)
    mail = house.request("a mail", content=suggested())
    page = ida.get("/triage?channel=phone").text
    assert f'id="row-{call[3:]}"' in page
    assert f'id="row-{mail[3:]}"' not in page
    assert confirm(ida, call, channel="phone").headers["location"] == f"/triage/{second}?done={call}&channel=phone"


def test_a_suggestion_shows_its_reasons(house, ida, suggested):
    """Probabilities, model against rule, facts, clauses, words and what would change it are on the page."""
    page = ida.get(f"/triage/{house.request(content=suggested())}").text
    assert "classifier said P1 Critical – rule “Workaround available” made it P2 High" in page
    assert "80 %" in page
    assert "Acme 3.2: with a workaround an incident is P2 at most" in page
    assert "not known: reproducible = yes" in page
    assert "1 clause looked at, not met" in page
    assert "1 clause cannot be judged" in page
    assert '<mark class="for">503 +1.3</mark>' in page
    assert '<mark class="against">thanks −0.4</mark>' in page
    assert "Workaround <strong>no</strong> → P1 Critical" in page
    assert "acme@3" in page


def test_a_message_shows_its_evidence_and_folds_its_history(house, ida, suggested):
    """Evidence is marked in the new text; signature and quotes are folded, not cut."""
    page = ida.get(f"/triage/{house.request(content=suggested())}").text
    assert '<mark class="evidence">our production gateway</mark>' in page
    assert "Show quoted text and signature (4 lines)" in page
    assert "&gt; an older message" in page


def test_confirming_decides_and_goes_on(house, ida, suggested):
    """One press records who confirmed what, and shows the next request with an undo."""
    first = house.request(content=suggested(), minutes_ago=20)
    second = house.request("next one", content=suggested(), minutes_ago=10)
    answer = confirm(ida, first)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/triage/{second}?done={first}"
    (made,) = decisions(house)
    assert (made.verdict, made.type, made.priority, made.decided_by) == (Verdict.CONFIRMED, "incident", "P2", "ida")
    page = ida.get(answer.headers["location"]).text
    assert f"<strong>{first}</strong> confirmed: Incident · P2 High" in page
    assert f'action="/requests/{first}/undo"' in page


def test_after_the_last_request_the_queue_is_empty(house, ida, suggested):
    """Confirming the only request ends on the empty queue, still with its undo."""
    reference = house.request(content=suggested())
    answer = confirm(ida, reference)
    assert answer.headers["location"] == f"/triage?done={reference}"
    page = ida.get(answer.headers["location"]).text
    assert "Nothing to confirm" in page
    assert "Undo" in page


def test_correcting_keeps_the_reason(house, ida, suggested):
    """Another priority than the suggested one is a correction; history shows who, what and why."""
    reference = house.request(content=suggested())
    confirm(ida, reference, priority="P1", reason=" the shop is down ", back="request")
    (made,) = decisions(house)
    assert (made.verdict, made.reason) == (Verdict.CORRECTED, "the shop is down")
    page = ida.get(f"/requests/{reference}").text
    assert "<strong>Ida</strong> corrected Incident · P1 Critical: “the shop is down”" in page


def test_a_label_the_policy_does_not_have_is_refused(house, ida, suggested):
    """A priority of another policy is 422 with the ones there are."""
    answer = confirm(ida, house.request(content=suggested()), priority="S1")
    assert answer.status_code == 422
    assert "P1, P2, P3" in answer.text
    assert decisions(house) == []


def test_the_second_engineer_sees_who_was_first(house, ida, suggested):
    """Of two who decide the same version one wins; the other gets 409, who set what, and nothing of theirs."""
    house.engineer("jana")
    reference = house.request(content=suggested())
    jana = house.signed_in("jana")
    assert confirm(jana, reference, priority="P1").status_code == 303
    answer = confirm(ida, reference, priority="P3")
    assert answer.status_code == 409
    assert "Jana set Incident · P1 Critical before you" in answer.text
    assert answer.headers["hx-push-url"] == f"/triage/{reference}"
    assert [made.priority for made in decisions(house)] == ["P1"]


def test_undo_puts_the_request_back(house, ida, suggested):
    """Undo returns the request to the queue, with both steps in its history."""
    reference = house.request(content=suggested())
    confirm(ida, reference)
    answer = ida.post(f"/requests/{reference}/undo", data={"version": 2})
    assert answer.headers["location"] == f"/triage/{reference}?done={reference}"
    page = ida.get(answer.headers["location"]).text
    assert "Confirm Incident · P2 High" in page
    assert "is to be confirmed again" in page
    assert [made.verdict for made in decisions(house)] == [Verdict.CONFIRMED, Verdict.UNDONE]


def test_undoing_twice_is_a_conflict(house, ida, suggested):
    """A second undo of the same decision changes nothing and says how things stand."""
    reference = house.request(content=suggested())
    confirm(ida, reference)
    ida.post(f"/requests/{reference}/undo", data={"version": 2})
    again = ida.post(f"/requests/{reference}/undo", data={"version": 2})
    assert again.status_code == 409
    assert "Ida took the decision back" in again.text


def test_a_toast_is_for_whoever_did_it(house, ida, suggested):
    """An address with somebody else's decision in it shows no toast and offers no undo of theirs there."""
    house.engineer("jana")
    reference = house.request(content=suggested())
    confirm(house.signed_in("jana"), reference)
    assert f"<strong>{reference}</strong> confirmed" not in ida.get(f"/triage?done={reference}").text


def test_an_unsure_suggestion_cannot_be_confirmed_blindly(house, ida, suggested):
    """Where the machine abstains there is no Confirm button, only a choice."""
    page = ida.get(f"/triage/{house.request(content=suggested(share=0.4, abstained=True))}").text
    assert "Not sure enough to suggest" in page
    assert "priority below 0.5" in page
    assert 'data-key="Enter"' not in page
    assert "Set type and priority" in page


def test_a_request_without_a_suggestion_can_be_decided(house, ida):
    """An engineer need not wait for the machine."""
    reference = house.request()
    page = ida.get(f"/triage/{reference}").text
    assert "Being worked out" in page
    assert confirm(ida, reference, priority="P3").status_code == 303
    assert decisions(house)[0].verdict is Verdict.CORRECTED


def test_an_absent_ranking_is_shown_as_none(house, ida, suggested):
    """A suggestion whose type and priority are null, as the contract writes them, breaks no page."""
    content = suggested(abstained=True)
    content["type"] = {"value": None, "label": None, "probability": None, "all": {}}
    content["priority"] = {**content["type"], "set90": [], "model": None, "rule": None}
    reference = house.request(content=content)
    assert "No suggestion" in ida.get(f"/triage/{reference}").text
    assert "no suggestion" in ida.get("/requests").text


def test_a_policy_that_is_gone_leaves_the_request_readable(house, ida, suggested):
    """A request under a policy that is no longer installed can be read, not decided."""
    reference = house.request(content=suggested(), policy="gone")
    assert "is not installed here" in ida.get(f"/triage/{reference}").text
    assert confirm(ida, reference).status_code == 422


def test_a_call_shows_answers_recording_and_clock(house, ida, suggested, now):
    """A phone request shows its clock start, the caller's answers, the player and the transcript."""
    reference = house.request(channel=Channel.PHONE, content=suggested(), minutes_ago=42)
    add_call(house, reference, now)
    page = ida.get(f"/triage/{reference}").text
    assert "42 min" in page
    assert "Production down" in page
    assert "<audio controls" in page
    assert "orders fail everywhere" in page
    assert "What happened in the call (1 step)" in page


def test_the_reply_or_the_reason_for_none_is_shown(house, ida, suggested, now):
    """An answered mail names its reply's state; a silent one its reason, evidence and clause."""
    reference = house.request(content=suggested())
    add_mails(house, reference, now)
    page = ida.get(f"/triage/{reference}").text
    assert "captured here, not sent" in page
    assert "null sender" in page
    assert "MAIL FROM is empty" in page
    assert "RFC 5321 §4.5.5" in page


def test_times_are_utc_until_the_browser_knows_better(house, ida, suggested):
    """Each time is written in labelled UTC, with the machine-readable instant beside it."""
    page = ida.get(f"/triage/{house.request(content=suggested())}").text
    assert '<time datetime="2026-11-21T09:20:00Z">Sat 21 Nov 2026, 09:20 UTC</time>' in page


def test_the_theme_is_a_cookie(ida):
    """The toggle works as a plain form and the next page is rendered in the chosen theme."""
    answer = ida.post("/theme", data={"value": "dark", "back": "/requests"})
    assert answer.headers["location"] == "/requests"
    assert 'data-theme="dark"' in ida.get("/requests").text
    ida.post("/theme", data={"value": "neon"})
    assert 'data-theme="auto"' in ida.get("/requests").text


@pytest.mark.parametrize("role", list(Role))
def test_every_role_against_every_page(house, role):
    """Each role may look everywhere; only engineers and above decide and undo."""
    reference = house.request()
    if role is not Role.ENGINEER:
        house.engineer(role.value, role)
    client = house.signed_in("ida" if role is Role.ENGINEER else role.value)
    for path in ("/triage", "/triage/queue", "/requests", f"/requests/{reference}", "/calls", "/policies", "/outbox"):
        assert client.get(path).status_code == 200
    may = role.includes(Role.ENGINEER)
    assert confirm(client, reference).status_code == (303 if may else 403)
    undone = client.post(f"/requests/{reference}/undo", data={"version": 2})
    assert undone.status_code == (303 if may else 403)


def request_id(session, reference):
    """The id behind a reference."""
    return session.scalar(
        select(tables.requests.Request.id).where(tables.requests.Request.number == int(reference[3:]))
    )


def add_call(house, reference, now):
    """A finished call with a recording of four bytes and its transcript; the recording's id."""
    with transaction(house.engine) as session:
        call = tables.calls.Call(
            call_sid="CA1",
            account_sid="AC1",
            from_number="+49305550137",
            to_number="+49305550100",
            status="completed",
            step="bye",
            answers={"down": "yes", "known": "no", "reference": "SB-1"},
            request_id=request_id(session, reference),
            started_at=now,
            ended_at=now,
            duration_seconds=108,
        )
        session.add(call)
        session.flush()
        recording = tables.calls.Recording(
            call_id=call.id,
            recording_sid="RE1",
            status="completed",
            transcript="orders fail everywhere",
            transcript_status="completed",
            media=b"RIFF",
            media_type="audio/wav",
            fetched_at=now,
            created_at=now,
        )
        session.add(recording)
        tables.calls.record_event(session, call.id, "CA1:inbound", "inbound", {}, now)
        session.flush()
        return recording.id


def add_mails(house, reference, now):
    """One answered mail and one silent one."""
    with transaction(house.engine) as session:
        request = request_id(session, reference)
        shared = {
            "rcpt_to": ["support@example.com"],
            "peer": "",
            "helo": "",
            "size": 1,
            "raw": b"x",
            "received_at": now,
            "state": MailState.PROCESSED,
            "parsed": {},
            "request_id": request,
        }
        answered = tables.mail.Mail(digest="1", mail_from="marta@example.org", message_id="one@example.org", **shared)
        silent = tables.mail.Mail(
            digest="2",
            mail_from="",
            suppression="null-sender",
            suppression_evidence="MAIL FROM is empty",
            suppression_clause="RFC 5321 §4.5.5",
            **shared,
        )
        session.add_all([answered, silent])
        session.flush()
        session.add(
            tables.mail.OutgoingMail(
                mail_id=answered.id,
                request_id=request,
                recipient="marta@example.org",
                message_id="r@example.com",
                content=b"To: marta@example.org\r\nAuto-Submitted: auto-replied\r\n\r\nPlease use the portal.\r\n",
                state=OutgoingState.CAPTURED,
                attempts=1,
                created_at=now,
                sent_at=now,
            )
        )
