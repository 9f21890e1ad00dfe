"""What a policy's form asks a customer for: the fields of a pack, read from YAML with every mistake named. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from models.terms import Choice
from triage.facts import VOCABULARY
from triage.reading import Node

KINDS = frozenset({"text", "longtext", "choice", "phone", "email", "version", "secret", "type", "level"})
ONCE = ("type", "level", "phone")
"""Kinds of which a form has one at most: what follows from the answer must be clear."""
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
RESERVED = frozenset({"name", "email", "files", "key", "policy"})
"""What every form asks or carries by itself."""
ALWAYS = {"summary": "text", "description": "longtext"}
"""Fields every form has, and their kinds: they become the subject and the text of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One question of the form.

    The choices of kind `type` and `level` are the policy's own; those of a `choice` are `options`. What
    is given for a `secret` (a licence key) is never shown again to whoever holds the link.
    `required_for_types` and `required_for_levels` ask for an answer where the customer chose one of
    them, `required` always. `types` are the only types the question is asked for (empty: all).
    `fact` is the fact that an answer states, so that rules may use it.
    """

    name: str
    label: str
    kind: str
    clause: str
    help: str = ""
    required: bool = False
    required_for_types: tuple[str, ...] = ()
    required_for_levels: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    options: tuple[Choice, ...] = ()
    fact: str = ""
    assumed: bool = False


def plain_fields() -> tuple[Field, ...]:
    """The form of a policy that states none."""
    return (
        Field(name="summary", label="Summary", kind="text", clause="", required=True),
        Field(name="description", label="Description", kind="longtext", clause="", required=True),
        Field(name="phone", label="Contact phone", kind="phone", clause=""),
    )


def read_fields(
    node: Node, *, types: frozenset[str], levels: frozenset[str], phone_levels: Sequence[str]
) -> tuple[Field, ...]:
    """The fields in a pack's `fields:`; mistakes are noted at their places.

    `types` are those a customer may raise. `phone_levels` are the levels that need a contact number.
    """
    found = tuple(_field(entry, types, levels) for entry in node.entries())
    node.unique([field.name for field in found])
    kinds = [field.kind for field in found]
    for kind in ONCE:
        if kinds.count(kind) > 1:
            node.wrong(f"only one field may be of kind {kind!r}")
    for name, kind in ALWAYS.items():
        if not any(field.name == name and field.kind == kind and not field.types for field in found):
            node.wrong(f"the field {name!r} of kind {kind!r} is missing")
    if phone_levels and "phone" not in kinds:
        node.wrong(f"contact_phone_levels ({', '.join(phone_levels)}) need a field of kind 'phone'")
    return found


def _field(node: Node, types: frozenset[str], levels: frozenset[str]) -> Field:
    at = node.fields(
        frozenset({"name", "label", "kind", "clause"}),
        frozenset({"help", "required", "for", "options", "fact", "assumed"}),
    )
    kind = at["kind"].one_of(KINDS, "kind") if "kind" in at else ""
    always, for_types, for_levels = _required(at.get("required"), types, levels)
    options = _options(node, at.get("options"), kind)
    return Field(
        name=_name(at["name"]) if "name" in at else "",
        label=at["label"].text() if "label" in at else "",
        kind=kind,
        clause=at["clause"].text() if "clause" in at else "",
        help=at["help"].text() if "help" in at else "",
        required=always,
        required_for_types=for_types,
        required_for_levels=for_levels,
        types=at["for"].choices(types, "type a customer may raise") if "for" in at else (),
        options=options,
        fact=_fact(at["fact"], options) if "fact" in at else "",
        assumed=at["assumed"].flag() if "assumed" in at else False,
    )


def _name(node: Node) -> str:
    text = node.text()
    if text in RESERVED:
        node.wrong(f"{text!r} is asked by every form; choose another name")
    elif text and not NAME.fullmatch(text):
        node.wrong(f"{text!r} is no name: small letters, digits, _ and -, at most 40")
    return text


def _required(
    node: Node | None, types: frozenset[str], levels: frozenset[str]
) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:
    if node is None:
        return False, (), ()
    if isinstance(node.value, bool):
        return node.value, (), ()
    if not node.keys():
        node.wrong("write true, false or a mapping with the keys levels, types")
        return False, (), ()
    at = node.fields(frozenset(), frozenset({"types", "levels"}))
    return (
        False,
        at["types"].choices(types, "type a customer may raise") if "types" in at else (),
        at["levels"].choices(levels, "level") if "levels" in at else (),
    )


def _options(node: Node, options: Node | None, kind: str) -> tuple[Choice, ...]:
    if options is None:
        if kind == "choice":
            node.wrong("a choice needs the key 'options'")
        return ()
    if kind != "choice":
        options.wrong("only a field of kind 'choice' has options")
    found = []
    for entry in options.entries():
        at = entry.fields(frozenset({"value", "label"}))
        value = at["value"].slug() if "value" in at else ""
        found.append(Choice(value=value, label=at["label"].text() if "label" in at else ""))
    options.unique([option.value for option in found])
    return tuple(found)


def _fact(node: Node, options: tuple[Choice, ...]) -> str:
    name = node.one_of(frozenset(VOCABULARY), "fact")
    for option in options:
        if name in VOCABULARY and option.value and option.value not in VOCABULARY[name]:
            known = ", ".join(sorted(VOCABULARY[name]))
            node.wrong(f"the option {option.value!r} is no value of {name}; known are {known}")
    if not options:
        node.wrong("only a choice with options states a fact")
    return name
