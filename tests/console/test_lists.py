"""Requests, calls, policies, replies, recordings, assets and the live stream."""

import asyncio
import gzip
from hashlib import sha256
from uuid import uuid4

import pytest
from markupsafe import escape
from sqlalchemy import select

from console import assets, events
from console.events import Pulse
from console.media import wanted
from models import tables
from models.store import connect, transaction
from models.terms import Channel, JobKind, JobState, MailState, OutgoingState
from triage.policy import load_packs

HTMX_2_0_3 = "491955cd1810747d7d7b9ccb936400afb760e06d25d53e4572b64b6563b2784e"


def test_search_finds_by_number_words_and_party(house, ida):
    """The search box takes an SB-number, words of the subject or text, and who wrote."""
    reference = house.request("Node six is down")
    house.request("Something else", party="paul@example.com", party_name="Paul")
    for words in (reference, reference[3:], "node DOWN", "marta@example.org"):
        page = ida.get("/requests", params={"q": words}).text
        assert "Node six is down" in page, words
        assert "Something else" not in page, words
    assert "Nothing found" in ida.get("/requests?q=nowhere").text


def test_lists_go_on_page_by_page(house, ida):
    """After fifty requests there is a link to the older ones, which keeps the search."""
    for number in range(51):
        house.request(f"number {number}")
    page = ida.get("/requests?q=number&channel=email").text
    assert "number 50" in page
    assert "number 0<" not in page
    link = page.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&")
    assert link.startswith("/requests?q=number&channel=email&before=")
    older = ida.get(link).text
    assert "number 0<" in older
    assert ">Older<" not in older


def test_calls_show_what_is_live(house, ida, now):
    """A call without an end is live and names its step; it is there before it has a request."""
    with transaction(house.engine) as session:
        session.add(_call("CA1", now, status="in-progress", step="describe_problem"))
    page = ida.get("/calls").text
    assert "live, at “describe problem”" in page
    assert "no request yet" in page


def test_policies_show_levels_types_and_rules_with_clauses(ida):
    """A policy's page holds every level, type and rule, each with its clause, and what the rule does."""
    assert "Acme support" in ida.get("/policies").text
    page = ida.get("/policies/acme").text
    for words in ("P1 Critical", "Acme 3.1", "Incident", "Acme 2.1", "Workaround available", "at most P2 High"):
        assert words in page
    assert ida.get("/policies/none").status_code == 404


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wso2", ["within 1 h", "assumed, not in the source", "Mon–Fri 09:00–17:00", "Deferred", "Support leadership"]),
        ("witboost", ["every 4 h", "Mon–Fri 09:00–13:00 and 14:00–18:00", "Impact and urgency", "Out of scope"]),
        ("oro", ["objective", "working days", "Catalogue", "Visibility", "after 3 follow-ups"]),
        ("parallels", ["The policy names no times", "Contact phone", "by decision of lead only", "has seen"]),
    ],
)
def test_a_policy_page_shows_everything_a_pack_says(house, ida, name, words):
    """Times, calendars, workflow, ladders, services, matrix and what is wanted are on the page, with their clauses."""
    house.policies.update(load_packs())
    page = ida.get(f"/policies/{name}").text
    for each in words:
        assert each in page, each
    for step in house.policies[name].workflow.steps:
        assert escape(step.clause) in page


@pytest.mark.parametrize("state", list(OutgoingState))
def test_the_outbox_shows_what_became_of_each_reply(house, ida, now, state):
    """Every state of a reply is named, an uncertain one with what that means; the text can be read."""
    outgoing = _reply(house, now, state)
    page = ida.get("/outbox").text
    assert f">{state.value}</span>" in page
    assert ("is not sent again" in page) is (state is OutgoingState.UNCERTAIN)
    read = ida.get(f"/outbox/{outgoing}").text
    assert "Auto-Submitted" in read
    assert "Bitte nutzen Sie das Portal – danke." in read


def test_the_outbox_shows_silence_and_parked_work(house, ida, now):
    """A suppressed reply shows its reason and clause; given-up work waits on the same page."""
    with transaction(house.engine) as session:
        session.add(
            _mail("1", now, suppression="list", suppression_evidence="List-Id", suppression_clause="RFC 3834 §2")
        )
        session.add(
            tables.jobs.Job(
                kind=JobKind.MAIL_SEND, subject=uuid4(), state=JobState.PARKED, run_at=now, attempts=8, error="refused"
            )
        )
    page = ida.get("/outbox").text
    for words in ("List-Id", "RFC 3834 §2", "mail.send", "gave up after 8 attempts", "refused"):
        assert words in page
    assert ida.get(f"/outbox/{uuid4()}").status_code == 404


def test_a_recording_is_played_in_ranges(house, ida, now):
    """The player gets the whole, the asked-for bytes, or 416; nobody else gets anything."""
    recording = _recording(house, now, b"0123456789", "audio/wav")
    path = f"/recordings/{recording}"
    whole = ida.get(path)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, b"0123456789", "audio/wav")
    part = ida.get(path, headers={"range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, b"2345")
    assert part.headers["content-range"] == "bytes 2-5/10"
    assert ida.get(path, headers={"range": "bytes=-3"}).content == b"789"
    beyond = ida.get(path, headers={"range": "bytes=10-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */10")
    assert house.client().get(path).status_code == 303


def test_what_is_no_sound_is_only_downloaded(house, ida, now):
    """A recording that claims to be a page is never shown as one."""
    answer = ida.get(f"/recordings/{_recording(house, now, b'<script>', 'text/html')}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"


def test_a_recording_not_fetched_yet_is_404(house, ida, now):
    """There is nothing to play before the sound is here."""
    assert ida.get(f"/recordings/{_recording(house, now, None, None)}").status_code == 404


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("", (0, 9)),
        ("bytes=0-", (0, 9)),
        ("bytes=0-0", (0, 0)),
        ("bytes=5-99", (5, 9)),
        ("bytes=-99", (0, 9)),
        ("bytes=-0", None),
        ("bytes=6-5", None),
        ("bytes=-", (0, 9)),
        ("bytes=0-1,4-5", (0, 9)),
        ("pages=1-2", (0, 9)),
    ],
)
def test_ranges(asked, got):
    """One range of a file of ten bytes is understood; lists of ranges and other units give the whole (RFC 9110)."""
    assert wanted(asked, 10) == got


def test_assets_are_kept_for_ever_under_their_digest(house):
    """An asset is served plain or gzipped with the same bytes, immutable; another digest is not found."""
    client = house.client()
    for name, asset in assets.assets().items():
        plain = client.get(asset.url, headers={"accept-encoding": "identity"})
        assert plain.content == asset.plain
        assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert plain.headers["x-content-type-options"] == "nosniff"
        assert client.get(asset.url, headers={"accept-encoding": "gzip"}).content == asset.plain
        assert gzip.decompress(asset.packed) == asset.plain
        assert sha256(asset.plain).hexdigest().startswith(asset.url.split("/")[2])
        assert name in asset.url


def test_htmx_is_the_one_we_looked_at():
    """The script that comes from a package is the very file that was checked: 2.0.3, 0BSD licence."""
    assert assets.assets()["htmx.min.js"].digest == HTMX_2_0_3


def test_our_assets_fetch_nothing_from_elsewhere():
    """No script or style of ours names another host or runs text as code."""
    for name in assets.OWN:
        text = assets.assets()[name].plain.decode()
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace('"https:"', "")
        assert "eval(" not in text
        assert "innerHTML" not in text


def test_the_pulse_beats_when_the_queue_changes(house, suggested, monkeypatch):
    """A new request, a suggestion and a decision each change the mark; nothing else does."""
    monkeypatch.setattr(events, "LOOK_SECONDS", 0)
    pulse = Pulse(house.desk)
    marks = [pulse.mark()]
    reference = house.request()
    marks.append(pulse.mark())
    house.request("with a suggestion", content=suggested())
    marks.append(pulse.mark())
    with house.signed_in() as client:
        marks_before_deciding = pulse.mark()
        client.post(f"/requests/{reference}/decision", data={"version": 1, "type": "incident", "priority": "P1"})
    marks.append(pulse.mark())
    assert len(set(marks)) == 4
    assert marks_before_deciding == marks[2]


def test_the_pulse_is_asked_once_for_many_pages(house):
    """Within two seconds the database is asked once, whatever the number of open pages."""
    pulse = Pulse(house.desk)
    first = pulse.mark()
    house.request()
    assert pulse.mark() == first


def test_the_pulse_outlives_postgresql(house, monkeypatch):
    """While PostgreSQL is away the stream keeps its last mark instead of ending."""
    monkeypatch.setattr(events, "LOOK_SECONDS", 0)
    pulse = Pulse(house.desk)
    mark = pulse.mark()
    away = connect("postgresql://nobody@127.0.0.1:1/none")
    object.__setattr__(house.desk, "engine", away)
    assert pulse.mark() == mark
    away.dispose()


def test_the_stream_says_that_the_queue_changed(house, monkeypatch):
    """A page that listens hears one event for a new request, without what is in it."""
    monkeypatch.setattr(events, "LOOK_SECONDS", 0)

    async def listen():
        stream = Pulse(house.desk).stream()
        first = await anext(stream)
        reference = await asyncio.to_thread(house.request)
        return first, await anext(stream), reference

    first, second, reference = asyncio.run(listen())
    assert first.startswith("retry: 2000\n")
    assert second.startswith("event: queue\n")
    assert reference not in second


def test_the_stream_needs_a_sign_in(house):
    """Nobody listens without a session."""
    assert house.client().get("/events").status_code == 303


def _call(sid, now, **values):
    return tables.calls.Call(
        call_sid=sid,
        account_sid="AC1",
        from_number="+49305550137",
        to_number="+49305550100",
        answers={},
        started_at=now,
        **{"status": "completed", "step": "bye", **values},
    )


def _recording(house, now, media, kind):
    with transaction(house.engine) as session:
        call = _call("CA1", now)
        session.add(call)
        session.flush()
        row = tables.calls.Recording(
            call_id=call.id, recording_sid="RE1", status="completed", media=media, media_type=kind, created_at=now
        )
        session.add(row)
        session.flush()
        return row.id


def _mail(digest, now, **values):
    return tables.mail.Mail(
        digest=digest,
        mail_from="marta@example.org",
        rcpt_to=["support@example.com"],
        peer="",
        helo="",
        size=1,
        raw=b"x",
        received_at=now,
        state=MailState.PROCESSED,
        **values,
    )


def _reply(house, now, state):
    reference = house.request(channel=Channel.EMAIL)
    content = (
        "To: marta@example.org\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "Bitte nutzen Sie das Portal – danke.\r\n"
    ).encode()
    with transaction(house.engine) as session:
        number = int(reference[3:])
        request = session.scalar(select(tables.requests.Request.id).where(tables.requests.Request.number == number))
        mail = _mail("1", now, request_id=request)
        session.add(mail)
        session.flush()
        row = tables.mail.OutgoingMail(
            mail_id=mail.id,
            request_id=request,
            recipient="marta@example.org",
            message_id="r@example.com",
            content=content,
            state=state,
            created_at=now,
        )
        session.add(row)
        session.flush()
        return row.id
