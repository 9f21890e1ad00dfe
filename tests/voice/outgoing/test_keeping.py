"""Recordings are erased here after so many days, and removed at Twilio once they are stored here, not before."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import undefer

from models import tables
from models.errors import Invalid, Unavailable
from models.store import transaction
from models.tables.calls import Recording
from models.terms import JobKind
from voice import dialling, keeping, recordings

ACCOUNT = "AC" + "a" * 32
SID = "RE" + "b" * 32
THERE = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/{SID}.json"
TEXTS = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/{SID}/Transcriptions.json"
MEDIA = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/{SID}.mp3"
SOUND = b"ID3 sample"


@pytest.fixture
def make(engine: Engine, request_id: UUID, now) -> Callable[..., UUID]:
    """Make a recording of a call, by default one that is stored here."""

    def run(*, consent: str = "yes", **columns: object) -> UUID:
        given = {
            "recording_sid": SID, "status": "completed", "media": SOUND, "media_type": "audio/mpeg",
            "fetched_at": now, "created_at": now, "transcript": "the gateway is down", "digest": "0",
        }  # fmt: skip
        with transaction(engine) as session:
            call = tables.calls.Call(
                call_sid=f"CA{uuid4().hex}", account_sid=ACCOUNT, from_number="", to_number="", status="completed",
                step="receipt", answers={"consent": consent}, started_at=now, request_id=request_id,
            )  # fmt: skip
            session.add(call)
            session.flush()
            row = Recording(**{**given, "call_id": call.id, **columns})
            session.add(row)
            session.flush()
            return row.id

    return run


@pytest.fixture
def the(engine: Engine) -> Callable[[UUID], Recording]:
    """A recording as it stands, with its sound."""

    def read(recording: UUID) -> Recording:
        with transaction(engine) as session:
            return session.get_one(Recording, recording, options=[undefer(Recording.media)])

    return read


@pytest.fixture
def remove(engine: Engine, trunk, clock) -> Callable[[UUID], None]:
    """Let a worker take the job of removing one at Twilio."""
    return lambda recording: keeping.remove(engine, recording, trunk.account, lambda: clock.now)


@pytest.fixture
def fetch(engine: Engine, trunk, clock) -> Callable[..., None]:
    """Let a worker take the job of fetching one."""
    return lambda recording, **more: recordings.fetch(engine, recording, trunk.account, lambda: clock.now, **more)


@pytest.fixture
def to_be_removed(engine: Engine) -> Callable[[], list[tuple[UUID, object]]]:
    """Which recordings are to be removed at Twilio, and when."""

    def read() -> list[tuple[UUID, object]]:
        job = tables.jobs.Job
        with transaction(engine) as session:
            return list(session.execute(select(job.subject, job.run_at).where(job.kind == JobKind.RECORDING_REMOVE)))

    return read


@pytest.fixture
def transcribed(twilio) -> Callable[..., None]:
    """Let Twilio list the transcriptions of the recording, when it is asked."""
    return lambda *sids: twilio.expect(
        200, {"transcriptions": [{"sid": sid, "recording_sid": SID, "account_sid": ACCOUNT} for sid in sids]}
    )  # fmt: skip


def erase(engine: Engine, at, days: int, **more: int) -> int:
    """Let beat erase what is old."""
    return keeping.erase_old(engine, days=days, clock=lambda: at, **more)


def test_sound_is_erased_after_so_many_days_and_the_rest_is_kept(engine, make, the, now):
    """Transcript, length and digest stay; it is not erased twice, and not fetched again."""
    recording = make()
    assert erase(engine, now + timedelta(days=30), 30) == 0
    later = now + timedelta(days=30, seconds=1)
    assert erase(engine, later, 30) == 1
    row = the(recording)
    assert (row.media, row.erased_at, row.transcript, row.digest) == (None, later, "the gateway is down", "0")
    assert erase(engine, later, 30) == 0


def test_an_erased_recording_is_not_fetched_again(engine, make, fetch, the, twilio, now):
    """A job that is replayed by hand brings nothing back."""
    recording = make()
    erase(engine, now + timedelta(days=2), 1)
    fetch(recording)
    assert the(recording).media is None
    assert twilio.asked == []


def test_what_was_not_fetched_is_never_erased(engine, make, the, now):
    """Its sound may come yet, however old it is."""
    recording = make(fetched_at=None, media=None)
    assert erase(engine, now + timedelta(days=400), 1) == 0
    assert the(recording).erased_at is None


def test_without_a_number_of_days_everything_is_kept(engine, make, the, now):
    """That is how it is set at first."""
    recording = make()
    assert erase(engine, now + timedelta(days=4000), 0) == 0
    assert the(recording).media == SOUND


def test_a_batch_erases_the_oldest_first(engine, make, the, now):
    """The rest follows the next time."""
    young = make(recording_sid="RE" + "c" * 32, fetched_at=now + timedelta(days=1))
    old = make()
    later = now + timedelta(days=40)
    assert erase(engine, later, 30, batch=1) == 1
    assert (the(old).media, the(young).media) == (None, SOUND)
    assert erase(engine, later, 30, batch=1) == 1


def test_a_recording_that_is_stored_here_is_removed_at_twilio_once(make, remove, the, twilio, transcribed, clock):
    """By its REST API, with our credentials; the sound stays here."""
    recording = make()
    transcribed()
    twilio.expect(204, "")
    remove(recording)
    remove(recording)
    listed, asked = twilio.asked
    assert (listed.method, listed.path.partition("?")[0]) == ("GET", TEXTS)
    assert (asked.method, asked.path) == ("DELETE", THERE)
    assert asked.authorization.startswith("Basic ")
    assert (the(recording).removed_at, the(recording).media) == (clock.now, SOUND)


def test_what_was_transcribed_is_removed_with_the_recording(make, remove, the, twilio, transcribed, clock):
    """They are things of their own at Twilio: left there, they would say what the recording said."""
    recording = make()
    texts = ["TR" + "1" * 32, "TR" + "2" * 32]
    transcribed(*texts)
    twilio.expect(204, "")
    twilio.expect(404, {"code": 20404, "message": "not found", "status": 404})
    twilio.expect(204, "")
    remove(recording)
    deleted = [asked.path for asked in twilio.asked if asked.method == "DELETE"]
    assert deleted == [*(TEXTS.replace(".json", f"/{sid}.json") for sid in texts), THERE]
    assert (the(recording).removed_at, the(recording).transcript) == (clock.now, "the gateway is down")


@pytest.mark.parametrize(("status", "error"), [(500, Unavailable), (403, Invalid)])
def test_a_recording_outlives_the_transcriptions_that_cannot_be_removed(
    make, remove, the, twilio, transcribed, status, error
):
    """What is not done is not said to be done: it is tried again, or a person must look."""
    recording = make()
    transcribed("TR" + "1" * 32)
    twilio.expect(status, {"code": 20003, "message": "no", "status": status})
    with pytest.raises(error):
        remove(recording)
    assert the(recording).removed_at is None
    assert THERE not in [asked.path for asked in twilio.asked]


def test_nothing_is_removed_at_twilio_before_it_is_stored_here(make, remove, the, twilio):
    """It is the only copy."""
    recording = make(fetched_at=None, media=None)
    remove(recording)
    assert the(recording).removed_at is None
    assert twilio.asked == []


def test_one_that_is_gone_at_twilio_already_is_removed(make, remove, the, twilio, clock):
    """Deleted by hand, or by a worker that died before it could say so."""
    recording = make()
    for _ in ("its transcriptions", "the recording"):
        twilio.expect(404, {"code": 20404, "message": "not found", "status": 404})
    remove(recording)
    assert the(recording).removed_at == clock.now


@pytest.mark.parametrize("status", [400, 401, 403])
def test_where_twilio_refuses_a_person_must_look(make, remove, the, twilio, transcribed, status: int):
    """The job is parked with the reason; no secret is in it."""
    recording = make()
    transcribed()
    twilio.expect(status, {"code": 20003, "message": "no: sample-token", "status": status})
    with pytest.raises(Invalid) as caught:
        remove(recording)
    assert f"Twilio answers {status}, error 20003" in str(caught.value)
    assert "sample-token" not in str(caught.value)
    assert the(recording).removed_at is None


@pytest.mark.parametrize("how", [{"status": 429}, {"status": 500}, {"status": 302}, {"breaks": True}, {"after": 1.0}])
@pytest.mark.parametrize("is_listed", [True, False])
def test_what_is_unclear_is_tried_again(
    make, remove, the, twilio, transcribed, monkeypatch: pytest.MonkeyPatch, is_listed, how
):
    """Removing twice leaves what removing once does."""
    monkeypatch.setattr(dialling, "TIMEOUT", 0.3)
    recording = make()
    if is_listed:
        transcribed()
    twilio.expect(**{"body": {"code": 1, "message": "later"}, **how})
    with pytest.raises(Unavailable):
        remove(recording)
    transcribed()
    twilio.expect(204, "")
    remove(recording)
    assert the(recording).removed_at is not None


def test_removing_is_asked_for_once_it_is_stored_and_could_be_transcribed(
    make, fetch, the, twilio, to_be_removed, clock
):
    """Only where told to, an hour later, and never after a try that stored nothing."""
    recording = make(fetched_at=None, media=None, status="in-progress")
    twilio.expect(404, "")
    with pytest.raises(Unavailable):
        fetch(recording, remove=True)
    assert to_be_removed() == []
    twilio.expect(200, SOUND.decode(), kind="audio/mpeg")
    fetch(recording, remove=True)
    assert the(recording).media == SOUND
    assert to_be_removed() == [(recording, clock.now + timedelta(hours=1))]


def test_without_being_told_to_nothing_is_removed(make, fetch, twilio, to_be_removed):
    """An operator may want to keep them at Twilio."""
    recording = make(fetched_at=None, media=None)
    twilio.expect(200, SOUND.decode(), kind="audio/mpeg")
    fetch(recording)
    assert to_be_removed() == []


def test_a_recording_that_nobody_agreed_to_is_never_fetched_and_removed_at_twilio(
    make, fetch, remove, the, twilio, transcribed, to_be_removed, log, clock
):
    """The caller said no; whatever made the recording, it is left where it is, and the request's log says so."""
    recording = make(consent="no", fetched_at=None, media=None, status="in-progress")
    fetch(recording)
    fetch(recording)
    assert twilio.asked == []
    assert (the(recording).media, the(recording).status) == (None, "refused")
    assert to_be_removed() == [(recording, clock.now)]
    assert log() == [("recording", f"recording:{SID}", "refused", "")]
    transcribed()
    twilio.expect(204, "")
    remove(recording)
    assert the(recording).removed_at == clock.now


@pytest.mark.parametrize(
    ("answers", "noted"),
    [
        ({"mode": "ask"}, [("recording", f"recording:{SID}", "unasked", "")]),
        ({"mode": "ask", "consent": "yes"}, []),
        ({"mode": "announce"}, []),
        ({}, []),
    ],
)
def test_a_recording_of_a_caller_who_was_only_told_is_kept_and_marked_so(
    make, fetch, the, twilio, engine, log, answers, noted
):
    """The fallback cannot ask: who listens sees in the log of the request that nobody was asked."""
    recording = make(fetched_at=None, media=None, status="in-progress")
    with transaction(engine) as session:
        session.get_one(tables.calls.Call, session.get_one(Recording, recording).call_id).answers = answers
    twilio.expect(200, SOUND.decode(), kind="audio/mpeg")
    fetch(recording)
    fetch(recording)
    assert the(recording).media == SOUND
    assert log() == noted


def test_every_recording_of_a_call_is_kept(make, fetch, the, twilio, engine, now):
    """The problem, the number and a note are three, each with its own sound."""
    first = make(fetched_at=None, media=None, digest=None)
    with transaction(engine) as session:
        call = session.get_one(Recording, first).call_id
    sids = [SID, "RE" + "c" * 32, "RE" + "d" * 32]
    more = [make(recording_sid=sid, call_id=call, fetched_at=None, media=None, digest=None) for sid in sids[1:]]
    for number, recording in enumerate([first, *more]):
        twilio.expect(200, f"ID3 {number}", kind="audio/mpeg")
        fetch(recording)
    assert [asked.path for asked in twilio.asked] == [MEDIA.replace(SID, sid) for sid in sids]
    assert [the(each).media for each in (first, *more)] == [b"ID3 0", b"ID3 1", b"ID3 2"]
    assert len({the(each).digest for each in (first, *more)}) == 3


def test_only_a_recording_sid_makes_an_address(make, remove, twilio):
    """Whatever a webhook called it."""
    remove(make(recording_sid="../Calls/CA1"))
    remove(uuid4())
    assert twilio.asked == []
