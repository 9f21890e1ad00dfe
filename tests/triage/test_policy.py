"""Policy packs: the built-in ones are sound, and every mistake of an operator's is told with its place."""

from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

from models.errors import Misconfigured
from triage.policy import check, load_packs, parse

MINE = """\
id: mine
version: 3
name: Mine
source: "Our own handbook"
sla_channels: [portal]
threshold: 0.5
types:
  - value: fault
    label: Fault
    definition: Something is broken.
    clause: "§1"
levels:
  - value: high
    label: High
    definition: Bad.
    clause: "§2"
  - value: low
    label: Low
    definition: Not so bad.
    clause: "§3"
rules:
  - id: not-production
    clause: "§4"
    when: {not: {environment: production}}
    then: {cap: low}
"""


@pytest.mark.parametrize(
    ("policy", "types", "levels"),
    [
        ("wso2", "incident hosting-incident query bug task announcement", "P1 P2 P3 P4"),
        ("witboost", "incident bug-report it-help", "P1 P2 P3"),
        (
            "oro",
            ("technical-request bug data-migration new-environment access-request security-incident consulting"),
            "P1 P2 P3 P4 ER",
        ),
        ("parallels", "incident question enhancement documentation", "1 2 3 4"),
    ],
)
def test_the_built_in_packs_have_their_types_and_levels(policy: str, types: str, levels: str):
    """The four policies that ship have the types and levels of their sources, the worst level first."""
    pack = load_packs()[policy]
    assert [kind.value for kind in pack.types] == types.split()
    assert [level.value for level in pack.levels] == levels.split()
    assert pack.ref == f"{policy}@{pack.version}"


def test_every_built_in_sentence_has_a_clause():
    """Whatever a pack says can be traced to its source."""
    for pack in load_packs().values():
        assert pack.source
        assert all(entry.clause for entry in (*pack.types, *pack.levels, *pack.rules))


def test_the_digest_is_that_of_the_file():
    """A suggestion can be tied to the very bytes of the policy it was made under."""
    content = files("triage").joinpath("policies", "wso2.yaml").read_bytes()
    assert load_packs()["wso2"].digest == sha256(content).hexdigest()


def test_wso2_issues_no_announcements_to_itself():
    """Announcements come from the vendor: a customer's request is never one."""
    assert [kind.value for kind in load_packs()["wso2"].types if not kind.inbound] == ["announcement"]


def test_labels_are_what_people_read():
    """A slug has a label; an unknown slug is given back."""
    pack = load_packs()["parallels"]
    assert pack.level_label("1") == "Severity 1 (Urgent)"
    assert pack.type_label("nonsense") == "nonsense"


def test_a_sound_file_has_no_mistakes():
    """An operator's pack that follows the form is accepted as it is."""
    assert check(MINE, "mine.yaml") == []


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("label: Fault", "lable: Fault", "mine.yaml:9:5: lable: unknown key; did you mean 'label'?"),
        ("label: Fault", "lable: Fault", "mine.yaml:8:5: types[1]: the key 'label' is missing"),
        ("{cap: low}", "{cap: lowest}", "mine.yaml:25:17: cap: 'lowest' is no level; did you mean 'low'?"),
        ("threshold: 0.5", "threshold: 5", "mine.yaml:6:12: threshold: 5 is outside 0 to 1"),
        ("version: 3", "version: three", "mine.yaml:2:10: version: write a number from 1 to 1000000"),
        (
            "[portal]",
            "[portal, fax]",
            "mine.yaml:5:24: sla_channels[2]: 'fax' is no channel; known are api, email, phone, portal",
        ),
        ("value: high", "value: 1", 'mine.yaml:13:12: value: write a text, in quotes: "1"'),
        ("value: high", "value: low", "mine.yaml:13:3: levels: 'low' is there twice"),
        ("environment: production", "weather: bad", "unknown key"),
        (
            "environment: production",
            "environment: produktion",
            "'produktion' is no value of environment; did you mean 'production'?",
        ),
        ("{cap: low}", "{cap: low, set: low}", "write exactly one of cap, raise, set, type, not_type"),
        ("id: mine", "id: [mine", "syntax"),
        ('clause: "§2"', 'clause: "§2"\n    like: [wso2/P1]', "write policy/type/level, such as wso2/incident/P1"),
        (
            "  - id: not-production",
            "  - id: not-production\n    assumed: yes",
            "assumed: write true or false, not 'yes'",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(good: str, bad: str, told: str):
    """Each mistake names file, line, column, and what to write instead."""
    assert any(told in mistake for mistake in check(MINE.replace(good, bad), "mine.yaml"))


def test_all_mistakes_are_told_at_once():
    """An operator mends a file in one go."""
    broken = MINE.replace("label: Fault", "lable: Fault").replace("{cap: low}", "{cap: lowest}").replace("0.5", "5")
    assert len(check(broken, "mine.yaml")) == 4


@pytest.mark.parametrize(
    "text", ["", "- a\n- b", "just words", "a: &x [*x]", "\x00", "a: !!python/object:os.system {}"]
)
def test_what_is_no_policy_is_refused(text: str):
    """Files of quite another kind are mistakes, never exceptions."""
    assert check(text, "odd.yaml")


def test_an_operators_pack_joins_and_replaces(tmp_path: Path):
    """A pack of the operator's directory is loaded, and replaces a built-in one of the same id."""
    (tmp_path / "mine.yaml").write_text(MINE)
    (tmp_path / "other.yaml").write_text(MINE.replace("id: mine", "id: wso2"))
    packs = load_packs(tmp_path)
    assert packs["mine"].name == "Mine"
    assert packs["wso2"].version == 3
    assert "oro" in packs


def test_a_broken_directory_stops_the_start(tmp_path: Path):
    """Mistakes of several files, and two files with one id, are told in one error."""
    (tmp_path / "a.yaml").write_text(MINE.replace("0.5", "5"))
    (tmp_path / "b.yaml").write_text(MINE)
    (tmp_path / "c.yaml").write_bytes(b"\xff")
    with pytest.raises(Misconfigured) as refused:
        load_packs(tmp_path)
    assert all(told in refused.value.public for told in ("a.yaml:6:12", "'mine' is already the id", "c.yaml:1:1"))


def test_a_missing_directory_stops_the_start(tmp_path: Path):
    """A directory that is not there is no empty directory."""
    with pytest.raises(Misconfigured, match="nowhere"):
        load_packs(tmp_path / "nowhere")


FIELDS = """\
fields:
  - {name: type, label: Kind, kind: type, clause: "§5", required: true}
  - {name: level, label: Level, kind: level, clause: "§5"}
  - {name: summary, label: Summary, kind: text, clause: "§5", required: true}
  - {name: description, label: Description, kind: longtext, clause: "§5", required: true}
  - name: environment
    label: Environment
    kind: choice
    clause: "§6"
    fact: environment
    for: [fault]
    required: {types: [fault], levels: [high]}
    options: [{value: production, label: Production}, {value: staging, label: Staging}]
  - {name: phone, label: Phone, kind: phone, clause: "§7", assumed: true}
"""


def test_a_pack_says_what_its_form_asks():
    """Kinds, choices, for which types and levels an answer is needed, and the fact it states."""
    pack, mistakes = parse((MINE + "contact_phone_levels: [high]\n" + FIELDS).encode(), "mine.yaml")
    assert mistakes == []
    assert [field.name for field in pack.fields] == [
        "type",
        "level",
        "summary",
        "description",
        "environment",
        "phone",
    ]
    place = pack.fields[4]
    assert (place.required, place.required_for_types, place.required_for_levels) == (False, ("fault",), ("high",))
    assert (place.fact, place.types, [option.label for option in place.options]) == (
        "environment",
        ("fault",),
        ["Production", "Staging"],
    )
    assert pack.field_label("environment") == "Environment"
    assert pack.field_label("nonsense") == "nonsense"


def test_a_pack_without_fields_has_the_plain_form():
    """Packs that were written before there were forms keep working."""
    pack = parse(MINE.encode(), "mine.yaml")[0]
    assert [field.name for field in pack.fields] == ["summary", "description", "phone"]


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("kind: phone", "kind: fone", "mine.yaml:40:39: kind: 'fone' is no kind; did you mean 'phone'?"),
        ("name: environment", "name: Environment", "mine.yaml:32:11: name: 'Environment' is no name: small letters"),
        ("name: environment", "name: email", "'email' is asked by every form; choose another name"),
        ("name: environment", "name: phone", "mine.yaml:28:3: fields: 'phone' is there twice"),
        ("name: summary", "name: title", "mine.yaml:28:3: fields: the field 'summary' of kind 'text' is missing"),
        ("kind: longtext", "kind: text", "the field 'description' of kind 'longtext' is missing"),
        ("kind: level", "kind: type", "only one field may be of kind 'type'"),
        ("kind: phone", "kind: text", "contact_phone_levels (high) need a field of kind 'phone'"),
        ("types: [fault]", "types: [falt]", "'falt' is no type a customer may raise; did you mean 'fault'?"),
        ("levels: [high]}", "levels: [hi]}", "'hi' is no level"),
        ("required: {types", "required: sometimes #", "write true, false or a mapping with the keys levels, types"),
        ("required: {types", "required: {when", "when: unknown key"),
        ("for: [fault]", "for: [outage]", "'outage' is no type a customer may raise"),
        ("fact: environment", "fact: place", "'place' is no fact"),
        ("value: staging", "value: stagging", "the option 'stagging' is no value of environment; known are"),
        ("value: staging", "value: production", "options: 'production' is there twice"),
        ("    options: [", "    option: [", "a choice needs the key 'options'"),
        ("kind: choice", "kind: text", "only a field of kind 'choice' has options"),
        ('clause: "§6"', "clause:", "write a text"),
        ("label: Phone, ", "", "the key 'label' is missing"),
    ],
)
def test_a_mistake_in_the_form_is_told_with_its_place(good: str, bad: str, told: str):
    """Like every other mistake: file, line, column, and what to write instead."""
    text = MINE + "contact_phone_levels: [high]\n" + FIELDS
    assert good in text
    mistakes = check(text.replace(good, bad), "mine.yaml")
    assert any(told in mistake for mistake in mistakes), mistakes


def test_every_built_in_field_has_its_clause():
    """Whatever a customer is asked can be traced to its source, or is marked as assumed."""
    for pack in load_packs().values():
        assert all(field.clause for field in pack.fields)
        assert {"summary", "description"} <= {field.name for field in pack.fields}


@pytest.mark.parametrize(
    ("policy", "required"),
    [
        ("wso2", "type summary description project"),
        ("oro", "type summary description company license_key"),
        ("parallels", "type level summary description"),
        ("witboost", "type summary description"),
    ],
)
def test_the_built_in_forms_ask_what_their_sources_require(policy: str, required: str):
    """Fields needed for every type; those of some types come on top."""
    pack = load_packs()[policy]
    assert [field.name for field in pack.fields if field.required and not field.types] == required.split()


def test_parallels_asks_a_number_for_the_two_most_severe_levels():
    """Severity 1 Note #2: for Severity 1 and 2 cases it is required to specify a contact phone number."""
    pack = load_packs()["parallels"]
    assert pack.contact_phone_levels == ("1", "2")
    assert any(field.kind == "phone" for field in pack.fields)
