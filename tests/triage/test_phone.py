"""What a policy says of the telephone: read strictly, filled in from the rest of the pack."""

import pytest

from models.calling import Consent
from triage.phone import KEYS, RECEIPTS, Phone
from triage.policy import check, load_packs, parse
from triage.reading import Node

PACKS = load_packs()
MINE = """\
id: mine
version: 1
name: Mine
source: "Our own handbook"
sla_channels: [portal]
threshold: 0.5
types:
  - {value: fault, label: Fault, definition: Something is broken., clause: "§1"}
levels:
  - {value: high, label: High, definition: Bad., clause: "§2"}
  - {value: middle, label: Middle, definition: Less bad., clause: "§2"}
  - {value: low, label: Low, definition: Not bad., clause: "§2"}
"""
GATE = """\
completeness:
  - name: phone
    label: Phone
    ask: "Which number?"
    why: To call you.
    weight: %s
    detect: phone
    levels: [middle, high]
    clause: "§3"
"""


def read(more: str) -> Phone:
    """The section of a pack without mistakes."""
    pack, mistakes = parse(f"{MINE}{more}".encode(), "mine.yaml")
    assert mistakes == []
    return pack.phone


def test_a_pack_without_the_section_serves_callers_all_the_same():
    """The top level is urgent; consent is the operator's; all of it is assumed."""
    assert read("") == Phone(recording=None, receipt=RECEIPTS, urgent=("high",), contact=(), clause="", assumed=KEYS)


def test_what_is_written_counts():
    """Each key by itself; an empty list is meant."""
    found = read('phone: {recording: never, receipt: [], urgent: [high, middle], contact: [], clause: "§4"}\n')
    assert found == Phone(
        recording=Consent.NEVER, receipt=(), urgent=("high", "middle"), contact=(), clause="§4", assumed=()
    )
    assert read('phone: {receipt: [mail], clause: "§4", assumed: [receipt]}\n').receipt == ("mail",)


@pytest.mark.parametrize(("weight", "levels"), [("gate", ("high", "middle")), ("ask", ()), ("warn", ())])
def test_a_contact_phone_is_needed_where_nothing_is_confirmed_without_one(weight, levels):
    """In the order of the policy's levels; what is merely asked for is not needed."""
    assert read(GATE % weight).contact == levels


def test_a_contact_phone_is_needed_where_the_form_needs_one():
    """`contact_phone_levels` of the same pack."""
    kinds = {"type": "type", "level": "level", "summary": "text", "description": "longtext", "phone": "phone"}
    named = "".join(
        f'  - {{name: {name}, label: {name}, kind: {kind}, required: {str(name != "phone").lower()}, clause: "§5"}}\n'
        for name, kind in kinds.items()
    )
    pack, mistakes = parse(f"{MINE}contact_phone_levels: [high]\nfields:\n{named}".encode(), "mine.yaml")
    assert mistakes == []
    assert pack.phone.contact == ("high",)
    assert read(GATE % "gate" + 'phone: {contact: [], clause: "§4"}\n').contact == ()


def test_every_mistake_is_told_at_its_place():
    """All at once, with what to write instead."""
    wrong = "recording: maybe, receipt: [fax, mail, mail], urgent: [hihg], contact: low, ring: 3, assumed: [clause]"
    found = check(f"{MINE}phone: {{{wrong}}}\n", "mine.yaml")
    line = MINE.count("\n") + 1
    assert all(one.startswith(f"mine.yaml:{line}:") for one in found)
    for told in (
        "'maybe' is no kind of consent; known are announce, ask, never",
        "'fax' is no receipt; known are mail, sms",
        "receipt: 'mail' is there twice",
        "'hihg' is no level; did you mean 'high'?",
        "contact: write a list",
        "ring: unknown key",
        "the key 'clause'",
        "'clause' is no key of phone",
    ):
        assert any(told in one for one in found), (told, found)
    assert len(found) == 8


def test_a_word_that_is_nearly_one_is_told_as_it_is_written():
    """As the file has it, not as the program does; what is no mapping hears of the keys that it may have."""
    (told,) = check(f"{MINE}phone: {{recording: Never, clause: x}}\n", "mine.yaml")
    assert told.endswith("recording: 'Never' is no kind of consent; did you mean 'never'?")
    node = Node(None, 1, 1, "a", "rota.yaml", [])
    node.fields(frozenset(), frozenset({"name", "numbers"}))
    assert node.mistakes == ["rota.yaml:1:1: a: write a mapping with the keys name, numbers"]


@pytest.mark.parametrize(
    ("policy", "urgent", "contact", "stated"),
    [
        ("parallels", ("1",), ("1", "2"), {"contact"}),
        ("wso2", ("P1",), ("P1",), set()),
        ("witboost", ("P1",), (), set()),
        ("oro", ("P1",), (), set()),
    ],
)
def test_the_packs_say_what_their_sources_state(policy, urgent, contact, stated):
    """Parallels alone names a contact phone (L7); whatever no source says is marked as assumed, with its clause."""
    phone = PACKS[policy].phone
    assert (phone.urgent, phone.contact, phone.recording) == (urgent, contact, None)
    assert set(KEYS) - set(phone.assumed) == stated
    assert phone.clause


def test_parallels_needs_a_contact_phone_for_the_levels_of_its_note():
    """Note #2: for Severity 1 and 2 cases (L7); form, gate and telephone agree."""
    pack = PACKS["parallels"]
    gates = [one.levels for one in pack.completeness if one.name == "phone"]
    assert {pack.contact_phone_levels, pack.phone.contact, *gates} == {("1", "2")}
