"""The page of who is on call: now, next, the days to come, who stands in, and a rehearsal that rings nobody."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from console import duty
from models import tables
from models.errors import Misconfigured
from models.store import transaction
from triage.desk.oncall import Planned

UNTIL = {"until": "2026-11-23T20:00", "until-zone": "Europe/Berlin"}


@pytest.fixture
def staffed(desk, lines):
    """A console whose house has a rota: Ben has the first line this week, nobody can ring Kavi."""
    lines.on_duty(desk)
    return desk


def covers(house):
    """Everybody who stands in, or did."""
    with transaction(house.engine) as session:
        rows = list(session.scalars(select(tables.directory.RotaOverride)))
        session.expunge_all()
        return rows


def test_without_a_rota_the_page_says_how_to_have_one(ida):
    """The setting is named, and who is rung until then."""
    page = ida.get("/on-call").text
    assert "SWITCHBOARD_ROTA" in page
    assert "SWITCHBOARD_RECIPIENTS" in page
    assert "SWITCHBOARD_TWILIO_ACCOUNT_SID" in page
    assert ida.post("/on-call/covers", data={"tier": "first", "person": "ben", **UNTIL}).status_code == 404


def test_who_is_on_duty_until_when_and_who_comes_next(staffed, ida):
    """Tier after tier: people with their numbers, the end of it, the next hand-over, what is taken and how it rings."""
    page = ida.get("/on-call").text
    first = page[page.index("1 · First line") : page.index("2 · Everybody")]
    assert "<strong>Ben Muster</strong>" in first
    assert "+49305550124" in first
    assert "until <time" in first
    assert "then Priya Sample" in first
    assert "only calls that burn · rings one after the other, 20 s" in page
    assert "The next 14 days" in page
    assert ">08:00–09:00</span> Ben Muster" in page
    assert ">09:00–18:00</span> Priya Sample" in page
    assert ">closed</span>" in page


def test_people_whom_nobody_can_ring_are_findings(staffed, ida):
    """Kavi has no number: told on top, and at their name."""
    page = ida.get("/on-call").text
    assert "has no telephone number" in page
    assert '<span class="tag bad">no number</span>' in page


def test_a_viewer_sees_names_without_numbers(staffed):
    """Numbers of colleagues are for engineers; a viewer arranges nothing."""
    with staffed.signed_in("vera") as vera:
        page = vera.get("/on-call").text
        assert "Ben Muster" in page
        assert "+49305550124" not in page
        assert 'action="/on-call/covers"' not in page
        assert vera.post("/on-call/covers", data={"tier": "first", "person": "priya", **UNTIL}).status_code == 403


def test_somebody_stands_in_and_it_is_taken_back(staffed, ida):
    """An engineer has somebody stand in from now on; who arranged it is kept, and so is who takes it back."""
    answer = ida.post("/on-call/covers", data={"tier": "first", "person": "priya", "note": "Ben is ill", **UNTIL})
    assert answer.headers["location"] == "/on-call?did=stands-in"
    (row,) = covers(staffed)
    assert (row.made_by, row.person, row.starts_at) == ("ida", "priya", staffed.now)
    assert row.ends_at == datetime(2026, 11, 23, 19, tzinfo=UTC)
    page = ida.get(answer.headers["location"]).text
    assert "standing in for Ben Muster" in page
    assert "Ben is ill" in page
    assert "Somebody stands in." in page
    taken = ida.post(f"/on-call/covers/{row.id}/withdraw")
    assert taken.headers["location"] == "/on-call?did=withdrawn"
    assert covers(staffed)[0].withdrawn_by == "ida"
    assert "standing in for" not in ida.get("/on-call").text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"until": ""}, "Say until when"),
        ({"until": "2026-11-20T20:00"}, "over already"),
        ({"person": "kavi"}, "has no telephone number"),
        ({"person": "nobody"}, "has no person"),
        ({"tier": "second"}, "has no tier"),
        ({"until": "tomorrow"}, "year-month-day"),
    ],
)
def test_what_cannot_be_arranged_is_refused_with_the_reason(staffed, ida, fields, words):
    """Nothing is stored, and what was written stands in the form."""
    given = {"tier": "first", "person": "priya", "note": "kept words", **UNTIL, **fields}
    answer = ida.post("/on-call/covers", data=given)
    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="kept words"' in answer.text
    assert covers(staffed) == []


def test_a_rehearsal_shows_what_a_caller_would_hear(staffed, lea, lines):
    """Turn by turn with the keys, who would ring in which round, what is to be mended; it says that nobody was rung."""
    asked = []

    def rehearse(language):
        asked.append(language)
        return lines.played(staffed, language)

    object.__setattr__(staffed.desk, "rehearse", rehearse)
    object.__setattr__(staffed.desk, "languages", ("en", "de"))
    assert "German" in lea.get("/on-call").text
    page = lea.post("/on-call/rehearsal", data={"language": "de"}).text
    assert asked == ["de"]
    assert "Nobody was rung" in page
    assert page.index("May this call be recorded?") < page.index("Is production down?")
    assert "then presses <kbd>1</kbd>" in page
    assert 'rowspan="2">2 <span class="hint">at once' in page
    assert '<span class="sign">BAD</span><span>Kavi has no telephone number.</span>' in page
    assert "1 to mend" in page


def test_a_rehearsal_needs_a_lead_and_a_line(staffed, ida, lea, lines):
    """An engineer may not; without a line, in a language nobody speaks, or with a broken file it says why not."""
    assert ida.post("/on-call/rehearsal").status_code == 403
    refused = lea.post("/on-call/rehearsal")
    assert (refused.status_code, "no telephone line" in refused.text) == (422, True)
    object.__setattr__(staffed.desk, "rehearse", lambda _: lines.played(staffed, "en"))
    assert "A lead can rehearse one here" in ida.get("/on-call").text
    assert "Callers are not spoken to" in lea.post("/on-call/rehearsal", data={"language": "tlh"}).text

    def broken(_):
        raise Misconfigured(public="prompts/de.toml:3: no such sentence")

    object.__setattr__(staffed.desk, "rehearse", broken)
    answer = lea.post("/on-call/rehearsal")
    assert (answer.status_code, "no such sentence" in answer.text) == (422, True)


def test_days_are_cut_at_midnight_of_the_rota():
    """A shift over midnight is in both days, on the rota's clock; one that ends at midnight is not in the next day."""
    start = datetime(2026, 11, 21, 21, tzinfo=UTC)
    night = Planned(
        tier="night", label="Night", people=("Ben",), stands_in=(), start=start, end=start + timedelta(hours=10)
    )
    whole = Planned(
        tier="all",
        label="All",
        people=("Priya",),
        stands_in=(),
        start=datetime(2026, 11, 20, 23, tzinfo=UTC),
        end=datetime(2026, 11, 21, 23, tzinfo=UTC),
    )
    first, second, third = duty.days_of([night, whole], "Europe/Berlin", start, 3)
    assert [one.hours for one in first.tiers["night"]] == ["22:00–24:00"]
    assert [one.hours for one in second.tiers["night"]] == ["00:00–08:00"]
    assert [one.hours for one in first.tiers["all"]] == [""]
    assert "all" not in second.tiers
    assert third.tiers == {}
    assert first.label == "Sat 21 Nov"
