"""Mistakes of a policy file that are not its author's words but its signs, numbers and amounts: told, never a crash."""

from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from models.errors import Invalid
from triage.holidays import holiday
from triage.policy import check, from_path, load_packs, parse
from triage.targets import duration

PACK = files("triage").joinpath("policies", "wso2.yaml").read_text(encoding="utf-8")


def changed(good: str, bad: str) -> list[str]:
    """The mistakes of a sound pack in which one thing was changed; the pack stays usable as a value."""
    assert good in PACK
    return check(PACK.replace(good, bad, 1), "mine.yaml")


def place(text: str, part: str) -> str:
    """Where a part begins, as `file:line:column`."""
    before = text[: text.index(part)]
    return f"mine.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def test_a_key_that_is_there_twice_hides_no_other_mistake():
    """It is told where it stands the second time, the first one holds, and everything else is told too."""
    text = PACK.replace("id: wso2\n", "id: wso2\nid: again\n").replace("threshold: ", "threshold: 7\nsourse: ")
    pack, mistakes = parse(text.encode(), "mine.yaml")
    assert pack.id == "wso2"
    assert f"{place(text, 'id: again')}: id: is there twice: keep this one or the one in line 2" in mistakes
    assert any("threshold: 7 is outside 0 to 1" in one for one in mistakes)
    assert any("sourse: unknown key; did you mean 'source'?" in one for one in mistakes)
    assert len(mistakes) == 3


def test_a_key_that_is_there_twice_deep_inside_is_told():
    """In a mapping on one line, too."""
    (mistake,) = changed("{level: P1, kind: response,", "{level: P1, level: P2, kind: response,")
    assert ": level: is there twice" in mistake


def test_a_merge_key_is_refused_and_its_keys_are_known():
    """YAML 1.2 has none; no key that it brings in is missing, and none of them has another place than the mapping's."""
    text = PACK.replace(
        "levels:\n  - value: P1\n    label: Critical P1\n",
        "levels:\n  - &top {label: One, definition: x, clause: y, value: P0}\n"
        "  - <<: *top\n    value: P1\n    label: Critical P1\n",
    )
    mistakes = check(text, "mine.yaml")
    assert [one for one in mistakes if "<<" in one] == [
        f"{place(text, '<<')}: <<: YAML 1.2 has no merge key: write out the keys it stands for"
    ]
    assert not any("missing" in one for one in mistakes)


@pytest.mark.parametrize(
    "merged",
    ["<<: [*b, *b]", "<<: *b\n<<: *b", "<<: 5", "<<: [1, 2]", "<<: *top", "? <<\n: *b"],
)
def test_no_kind_of_merging_is_a_crash(merged: str):
    """A list, two of them, no mapping, oneself."""
    text = f"&top\nbase: &b {{id: x}}\n{merged}\nversion: 1\n"
    mistakes = check(text, "mine.yaml")
    assert any(one.startswith(("mine.yaml:3:", "mine.yaml:1:")) for one in mistakes)


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("    label: Incident\n", "   label: Incident\n", "begin it in the column of its neighbours above"),
        ("    label: Incident\n", "\tlabel: Incident\n", "a tab: indent with spaces"),
        ("label: Incident\n", "label: @Incident\n", "put the text in quotes"),
        ("label: Incident\n", "label: Incident: all\n", "put the text in quotes"),
        ("label: Incident\n", 'label: "a\\qb"\n', "use single quotes"),
        ("label: Incident\n", "label: *Incident\n", "begins with * needs quotes"),
        ("label: Incident\n", "label: !!int ''\n", "take the tag away"),
        ("[portal, phone]", "[portal, phone", "write a comma between its entries, and ] at its end"),
        ("label: Incident\n", "label: Incident\n---\nid: second\n", "one policy a file"),
        ("label: Incident\n", "label: Inci\x00dent\n", "a control character"),
        ("label: Incident\n", f"label: {'[' * 2000}{']' * 2000}\n", "nested deeper than any policy is"),
    ],
)
def test_broken_yaml_says_what_to_write_instead(good: str, bad: str, told: str):
    """In a policy author's words, with the place; what the reader itself says stands behind it."""
    (mistake,) = changed(good, bad)
    assert ": syntax: " in mistake
    assert told in mistake


def test_a_quotation_mark_that_is_never_closed_is_told():
    """Where the file ends, since anything up to there may belong to the text."""
    (mistake,) = check(f'{PACK}last: "never', "mine.yaml")
    assert "a quotation mark is open and never closed" in mistake


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (".inf", "inf is outside 1 to 1000000"),
        ("-.inf", "-inf is outside 1 to 1000000"),
        (".nan", "nan is outside 1 to 1000000"),
        ("1" + "0" * 400, "is outside 1 to 1000000"),
        ("2.7", "write a whole number, not 2.7"),
        ("0", "0 is outside 1 to 1000000"),
    ],
)
def test_a_version_is_a_whole_number(written: str, told: str):
    """No fraction is cut off, and what no number can be is no crash."""
    (mistake,) = changed("version: 3\n", f"version: {written}\n")
    assert mistake.startswith("mine.yaml:3:10: version: ")
    assert told in mistake


@pytest.mark.parametrize("written", [".inf", ".nan", "1.5", "100000"])
@pytest.mark.parametrize("good", ["days: 1, calendar: office, promise", "limit: 1, clause"])
def test_a_count_is_a_whole_number(good: str, written: str):
    """Wherever things are counted."""
    (mistake,) = changed(good, good.replace(": 1,", f": {written},"))
    assert "outside 0 to 1000" in mistake or "whole number" in mistake


@pytest.mark.parametrize("text", ["87673 h", "99999999999 h", "9" * 5000 + " h", "87672 h 1 s", "87672 h 60 min"])
def test_an_amount_of_time_is_ten_years_at_most(text: str):
    """Nobody promises more, and beyond the end of time a calendar counts no more."""
    with pytest.raises(Invalid, match="longer than ten years"):
        duration(text)


def test_an_amount_of_time_of_ten_years_is_taken():
    """The bound itself is inside; leading zeros change nothing."""
    assert duration("87672 h") == timedelta(days=3653)
    assert duration("000000000000 h 1 min") == timedelta(minutes=1)


def test_a_target_longer_than_ten_years_is_one_mistake():
    """It is told at its place and makes no other target of its level wrong."""
    (mistake,) = changed("within: 1 h", "within: 99999999999 h")
    assert ": within: '99999999999 h' is longer than ten years" in mistake


def test_a_step_of_a_ladder_longer_than_ten_years_is_one_mistake():
    """A step after the end of the calendars would keep every other step of a request from being told."""
    (mistake,) = changed("after: 1 h", "after: 2000000 h")
    assert ": after: '2000000 h' is longer than ten years" in mistake


def test_a_step_of_a_ladder_that_its_calendar_never_offers_is_told():
    """Ten years of open time are forty of office hours, and more than the calendars know of one hour a week."""
    text = PACK.replace('week: {mon-fri: ["09:00-17:00"]}', 'week: {mon: ["09:00-10:00"]}')
    text = text.replace("after: 8 h", "after: 80000 h")
    (mistake,) = check(text, "mine.yaml")
    assert "steps[5]" in mistake
    assert "is too far away" in mistake


@pytest.mark.parametrize("when", ["easter+99999999", "easter-367", "easter+367"])
def test_a_holiday_is_a_year_from_easter_at_most(when: str):
    """Beyond that it is told what to write."""
    with pytest.raises(Invalid, match="more than 366 days from Easter"):
        holiday(when, "Someday")


def test_a_holiday_of_thousands_of_digits_is_no_day():
    """Python itself reads no such number."""
    with pytest.raises(Invalid, match="is no day"):
        holiday("easter+" + "9" * 5000, "Someday")


def test_a_pack_named_yml_is_read(tmp_path: Path):
    """A policy that its operator believes to be installed is never passed over in silence."""
    (tmp_path / "mine.yml").write_text(PACK.replace("id: wso2\n", "id: mine\n"), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no pack", encoding="utf-8")
    assert "mine" in load_packs(tmp_path)


@pytest.mark.parametrize("name", ["nothing.yaml", ""])
def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path, name: str):
    """A missing file and a directory have no policy and one line."""
    pack, (mistake,) = from_path(tmp_path / name)
    assert pack is None
    assert mistake.startswith(f"{tmp_path / name}:1:1: file: cannot be read: ")
