"""Calls as the console's tests need them: who called, who was rung, what was recorded, and a rota."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select

from models import tables
from models.calling import Finding, LegState, OnDuty, Rehearsal, Rehearsed
from models.store import transaction
from models.terms import Channel, OutgoingState
from triage import rota

ROTA = """
rota: 1
time_zone: Europe/Berlin
people:
  priya: {name: Priya Sample, numbers: ["+49 30 5550123"]}
  ben: {name: Ben Muster, numbers: ["+49 30 5550124"]}
  kavi: {login: kavi}
tiers:
  - id: first
    label: First line
    hours: mon-fri 08:00-18:00, sat 09:00-13:00
    turn: {every: 1 week, from: 2026-01-05 09:00, people: [priya, ben]}
  - {id: everybody, label: Everybody, takes: urgent, ring: in-order, people: [priya, ben, kavi]}
"""
KNOWN = {
    "caller": "+49305550137",
    "known": "yes",
    "trusted": "yes",
    "consent": "yes",
    "problem": "orders fail everywhere since six",
    "down": "yes",
    "phone": "+49305550137",
    "phone_confirmed": "yes",
    "language": "en",
}


def read_rota():
    """A rota with a first line by turns, and everybody after it, one of whom nobody can ring."""
    found, mistakes = rota.parse(ROTA, "rota.yaml")
    assert mistakes == []
    return found


def on_duty(house):
    """Have the house serve the rota."""
    object.__setattr__(house.desk, "rota", read_rota())


def id_of(house, reference):
    """The request's id."""
    with transaction(house.engine) as session:
        return tables.requests.by_number(session, int(reference[3:])).id


def add_call(house, reference=None, *, seconds_ago=600, said=None, **values):
    """A call, by default one that is over; its id."""
    at = house.now - timedelta(seconds=seconds_ago)
    live = values.pop("live", False)
    with transaction(house.engine) as session:
        number = 1 + session.scalar(select(func.count()).select_from(tables.calls.Call))
        row = tables.calls.Call(
            call_sid=f"CA{number:032}",
            account_sid="AC1",
            to_number="+49305550100",
            request_id=tables.requests.by_number(session, int(reference[3:])).id if reference else None,
            started_at=at,
            **{
                "status": "in-progress" if live else "completed",
                "step": "receipt",
                "from_number": "+49305550137",
                "answers": KNOWN,
                "ended_at": None if live else at + timedelta(seconds=109),
                "duration_seconds": None if live else 109,
                **values,
            },
        )
        session.add(row)
        session.flush()
        for text, sure in (said or {}).items():
            session.add(_interaction(row, "problem", at, text=text, confidence=sure))
        return row.id


def note(house, call, part, words):
    """Something the desk was told of a call, without the caller's words."""
    with transaction(house.engine) as session:
        row = session.get_one(tables.calls.Call, call)
        session.add(_interaction(row, part, row.started_at, note=words))


def turned(house, call, step, after, **params):
    """An answer of the caller at a step, so many seconds after the call came in."""
    with transaction(house.engine) as session:
        row = session.get_one(tables.calls.Call, call)
        at = row.started_at + timedelta(seconds=after)
        key = f"{row.call_sid}:turn:{step}:0"
        tables.calls.record_event(session, call, key, "turn", params, at)


def rang(house, call, name, state, *, after=30, round=1, **values):  # noqa: A002 - what it is called
    """Somebody rung for a call, so many seconds after it came in; `answered` and `ended` in seconds of ringing."""
    with transaction(house.engine) as session:
        row = session.get_one(tables.calls.Call, call)
        at = row.started_at + timedelta(seconds=after)
        told = {
            f"{what}_at": at + timedelta(seconds=values.pop(what)) if what in values else None
            for what in ("answered", "taken", "ended")
        }
        session.add(
            tables.reaching.Leg(
                call_id=call,
                request_id=row.request_id,
                round=round,
                name=name,
                number=values.pop("number", f"+4930555{len(name):04}"),
                ring_seconds=20,
                state=state,
                rung_at=at,
                **told,
                **values,
            )
        )


def nights(house, call):
    """A night call: a machine, somebody busy, somebody who passes, and Priya, who takes it after 71 seconds."""
    rang(house, call, "Ben Muster", LegState.SILENT, after=30, answered=12, ended=20)
    rang(house, call, "Kavi", LegState.BUSY, after=30, ended=2, sip_code=486)
    rang(house, call, "Lea", LegState.PASSED, after=52, round=2, answered=6, ended=9, key_pressed="2")
    rang(
        house, call, "Priya Sample", LegState.TAKEN, after=62, round=3, answered=6, taken=9, key_pressed="1",
        bridged=True,
    )  # fmt: skip


def recorded(house, call, *, sound=b"RIFF", **values):
    """A recording of a call; its id."""
    with transaction(house.engine) as session:
        count = 1 + session.scalar(select(func.count()).select_from(tables.calls.Recording))
        row = tables.calls.Recording(
            call_id=call,
            recording_sid=f"RE{count:032}",
            created_at=house.now,
            media=sound,
            media_type="audio/wav" if sound else None,
            fetched_at=house.now if sound else None,
            **{"status": "completed", "duration_seconds": 42, **values},
        )
        session.add(row)
        session.flush()
        return row.id


def receipt(house, call, channel="mail", state=OutgoingState.SENT, **values):
    """The reference of a call, sent in writing."""
    with transaction(house.engine) as session:
        row = session.get_one(tables.calls.Call, call)
        session.add(
            tables.reaching.CallReceipt(
                call_id=call,
                request_id=row.request_id,
                channel=channel,
                recipient="marta@example.org",
                state=state,
                created_at=house.now,
                told_at=house.now,
                **values,
            )
        )


def owed(house, reference, *, minutes=10, number="+49305550137", why="the caller hung up", **values):
    """A call that is owed so many minutes from now (ago, if less than none); its id."""
    with transaction(house.engine) as session:
        made = {"made_by": "", "automatic": False, "attempts": 0, **values}
        request = tables.requests.by_number(session, int(reference[3:])).id
        return tables.reaching.owe_call(
            session,
            request_id=request,
            number=number,
            why=why,
            due_at=house.now + timedelta(minutes=minutes),
            made_at=house.now - timedelta(minutes=5),
            **made,
        )


def owed_rows(house) -> list[tables.reaching.OwedCall]:
    """Every call that is or was owed."""
    with transaction(house.engine) as session:
        rows = list(session.scalars(select(tables.reaching.OwedCall).order_by(tables.reaching.OwedCall.id)))
        session.expunge_all()
        return rows


def fold(house, child, parent, by="ida"):
    """Fold one request into another as the desk does."""
    from triage.desk import folding  # noqa: PLC0415 - read by path, not imported

    with transaction(house.engine) as session:
        numbers = [int(one[3:]) for one in (child, parent)]
        ids: list[UUID] = [tables.requests.by_number(session, number).id for number in numbers]
        folding.fold(session, *ids, by=by, now=house.now)


def outage(house, callers=3, **values):
    """The same outage by so many callers; their references, the first one's first."""
    return [
        house.request(
            f"Checkout gateway ORA-00600, report {number}", channel=Channel.PHONE, minutes_ago=30 - number, **values
        )
        for number in range(callers)
    ]


def played(house, language):
    """A rehearsal that found something to mend."""
    return Rehearsal(
        at=house.now,
        turns=(
            Rehearsed(step="consent", heard=(f"Welcome ({language}). May this call be recorded?",), pressed="1"),
            Rehearsed(step="down", heard=("Is production down?", "Press one for yes."), pressed="1"),
            Rehearsed(step="connect", heard=("Please hold: I am calling an engineer.",), pressed=""),
        ),
        rings=(
            OnDuty(name="Priya Sample", number="+49305550123", ring_seconds=20, round=1),
            OnDuty(name="Ben Muster", number="+49305550124", ring_seconds=20, round=2),
            OnDuty(name="Kavi", number="+94115550100", ring_seconds=25, round=2),
        ),
        findings=(
            Finding(is_fine=True, text="The Twilio account is set."),
            Finding(is_fine=False, text="Kavi has no telephone number."),
        ),
    )


def _interaction(call, part, at, *, text="", note="", confidence=None):
    return tables.requests.Interaction(
        request_id=call.request_id,
        source=f"call:{call.call_sid}:{part}",
        channel=Channel.PHONE,
        party=call.from_number,
        subject=text[:40],
        text=text,
        new_text=text,
        language="en",
        note=note,
        facts=[],
        confidence=confidence,
        received_at=at,
    )
