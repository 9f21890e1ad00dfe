"""What a newer reader reads otherwise is told field by field."""

from intake.reading.differences import Difference, differences

LINE = {
    "file": "a.eml", "subject": "Orders fail", "from": {"name": "Marta", "address": "marta@nordhandel.example"},
    "references": ["a@x.example"], "text": "It is down.", "signature": None, "forward": None,
    "attachments": [{"name": "app.log", "size": 5}], "automatic": False,
}  # fmt: skip


def test_the_same_line_from_another_place_differs_in_nothing():
    """Where it was read from does not count."""
    assert differences(LINE, {**LINE, "file": "b.eml"}) == []


def test_each_field_that_differs_is_named():
    """Inside of objects and lists too; a value that came or went is null on the other side."""
    after = LINE | {
        "subject": "Orders fäil",
        "from": {"name": "Märta", "address": "marta@nordhandel.example"},
        "signature": "Marta",
        "attachments": [{"name": "app.log", "size": 6}],
        "automatic": True,
    }
    assert differences(LINE, after) == [
        Difference(field="subject", before="Orders fail", after="Orders fäil"),
        Difference(field="from.name", before="Marta", after="Märta"),
        Difference(field="signature", before="null", after="Marta"),
        Difference(field="attachments[0].size", before="5", after="6"),
        Difference(field="automatic", before="False", after="True"),
    ]


def test_a_list_of_another_length_is_shown_whole():
    """Items that moved are not told one by one."""
    assert differences(LINE, LINE | {"references": []}) == [
        Difference(field="references", before="[a@x.example]", after="[]")
    ]
    forward = {"from": None, "subject": "x"}
    assert differences(LINE, LINE | {"forward": forward})[0].after == "{from: null, subject: x}"


def test_a_key_that_one_side_lacks_counts_as_null():
    """A line stored by a version that did not have it."""
    old = {name: value for name, value in LINE.items() if name != "forward"}
    assert differences(old, LINE) == []
    assert differences(old, LINE | {"forward": {}}) == [Difference(field="forward", before="null", after="{}")]


def test_long_texts_are_shown_around_the_place_where_they_part():
    """On one line, with dots where something is left out."""
    before, after = "same " * 100 + "old\nend" + " more" * 100, "same " * 100 + "new\nend" + " more" * 100
    found = differences(LINE | {"text": before}, LINE | {"text": after})[0]
    assert found.before.startswith("…")
    assert "old end" in found.before
    assert "new end" in found.after
    assert found.after.endswith("…")
    assert "\n" not in found.before
    assert len(found.before) <= 122
