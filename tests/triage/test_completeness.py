"""What is there, what is missing, and what to ask in one go."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from models.terms import Fact
from triage.completeness import Meter, Standing, Told, Wanted, Weight, meter, read_completeness
from triage.reading import read

PACK = """\
- {name: version, label: Version, ask: Which version?, why: Versions differ., fields: [version], detect: version,
   clause: "§1"}
- {name: patches, label: Patches, ask: Which patches?, why: May be mended., detect: patch, types: [incident],
   clause: "§1"}
- {name: environment, label: Where, ask: In production?, why: Only that counts., facts: [environment], clause: "§1"}
- {name: contact, label: Name, ask: Whom may we call?, why: We may need to., fields: [name], clause: "§1"}
- {name: email, label: E-mail, ask: Which address?, why: We may need to write., detect: address, clause: "§1"}
- name: phone
  label: Telephone
  ask: Which number?
  why: We may need to call.
  weight: gate
  fields: [phone]
  detect: phone
  levels: [P1]
  clause: "§2"
- {name: logs, label: Logs, ask: Any logs?, why: They may show it., detect: file, words: [stack trace], clause: "§3"}
"""


def told(text: str) -> tuple[tuple[Wanted, ...], list[str]]:
    """What the text wants to be told, and the mistakes."""
    node = read(text, "mine.yaml")
    known = {"types": frozenset({"incident", "query"}), "levels": frozenset({"P1", "P2"})}
    return read_completeness(node, **known, fields=frozenset({"version", "phone"})), node.mistakes


WANTED, MISTAKES = told(PACK)


def measure(text: str = "", **more) -> Meter:
    """The meter of a request with this text."""
    return meter(WANTED, Told(**{"text": text, "fields": {}, "known": {}, **more}))


def standing(found: Meter) -> dict[str, Standing]:
    """Where each thing stands, by name."""
    return {one.wanted.name: one.standing for one in found.found}


def test_a_full_text_needs_no_question():
    """Version, patches, address, number and logs are found by their form, each with its words."""
    text = (
        "API Manager version 4.2.0, update level U121. Stack trace below. Write to ada@example.org or +49 30 55501234."
    )
    found = measure(
        text, fields={"name": "Ada"}, facts=(Fact(name="environment", value="production", source="caller"),)
    )
    assert set(standing(found).values()) == {Standing.PRESENT}
    assert (found.share, found.questions()) == (1.0, ())
    for one in found.found:
        if one.source == "text":
            assert one.span is not None
            assert one.evidence in text[slice(*one.span)]


def test_everything_missing_is_asked_in_one_go_with_its_reason():
    """One list, in the policy's order; nothing that is there is asked again."""
    found = measure("It broke.", known={"contact": "Ada Example"}, fields={"version": "4.2"}, level="P2", type="query")
    assert found.questions() == (
        ("In production?", "Only that counts."),
        ("Which address?", "We may need to write."),
        ("Any logs?", "They may show it."),
    )


def test_what_we_know_already_is_never_asked():
    """What the directory knows counts, and says that it does."""
    assert [one.source for one in measure(known={"contact": "Ada"}).found if one.wanted.name == "contact"] == ["known"]
    assert measure(files=("app.log",)).found[-1].standing is Standing.PRESENT


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("Call +49 30 55501234 ext. 12 please", Standing.PRESENT),
        ("Call me: 030 55501234", Standing.PARTIAL),
        ("Version 4.2.0 on 10.0.0.1", Standing.MISSING),
        ("Order 20260302 failed", Standing.MISSING),
    ],
)
def test_a_number_without_its_country_code_is_half_an_answer(text: str, where: Standing):
    """It is asked for with what it lacks; a version or an order number is no telephone number."""
    assert standing(measure(text, level="P1"))["phone"] is where


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("Gateway 4.2.0.17 crashes", Standing.PRESENT),
        ("version: 7", Standing.PRESENT),
        ("The host 192.168.10.4 is down", Standing.MISSING),
        ("Since 10 we see 3 errors", Standing.MISSING),
    ],
)
def test_a_version_is_no_address_of_a_host(text: str, where: Standing):
    """A host's address has four parts and begins with two digits or three."""
    assert standing(measure(text))["version"] is where


def test_a_level_or_type_that_is_not_known_excuses_nothing():
    """The gate stands until the level is known to be a milder one."""
    assert [len(measure(level=level).gates) for level in ("P1", None, "P2")] == [1, 1, 0]
    assert "patches" in standing(measure(type=None))
    assert "patches" not in standing(measure(type="query"))
    assert WANTED[5].weight is Weight.GATE


@given(some.text(max_size=400), some.text(max_size=400))
def test_more_text_never_asks_for_more(text: str, more: str):
    """Reading never raises, the share lies between none and all, and what was there stays there."""
    before, after = measure(text), measure(f"{text}\n\n{more}")
    assert 0 <= before.share <= 1
    there = {one.wanted.name for one in before.found if one.standing is not Standing.MISSING}
    assert there <= {one.wanted.name for one in after.found if one.standing is not Standing.MISSING}


@pytest.mark.parametrize("piece", ["1.", "a@", "call 1 ", "+49 ", "version :", "patch ", "\x00"])
def test_a_hostile_text_costs_no_more_than_its_length(piece: str):
    """Nothing repeats itself into minutes."""
    assert 0 <= measure(piece * 100_000).share <= 1


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("detect: version", "detect: verison", "'verison' is no finding; did you mean 'version'?"),
        ("facts: [environment]", "facts: [weather]", "'weather' is no fact"),
        ("fields: [phone]", "fields: [fax]", "'fax' is no field of the form"),
        ("weight: gate", "weight: heavy", "'heavy' is no weight"),
        ("levels: [P1]", "levels: [P9]", "'P9' is no level"),
        ("facts: [environment], ", "", "write how it is told"),
        ("name: contact", "name: email", "'email' is there twice"),
    ],
)
def test_a_mistake_is_told_with_its_place(good: str, bad: str, words: str):
    """Each names file, line and column, and what to write instead."""
    assert MISTAKES == []
    found = told(PACK.replace(good, bad))[1]
    assert any(mistake.startswith("mine.yaml:") and words in mistake for mistake in found), found
