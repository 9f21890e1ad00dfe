"""A customer's support policy as frozen values, read from YAML with every mistake named. Pure.

A policy never borrows another one's rules: the same fact may cap Severity 1 at 3 here and P1 at P2 there.
"""

from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from models.errors import Misconfigured
from models.terms import Channel, Role
from triage.conditions import TYPE, All, Condition, condition
from triage.facts import VOCABULARY
from triage.fields import Field, plain_fields, read_fields
from triage.reading import Node, read

MOVES = frozenset({"cap", "raise", "set"})
TYPE_MOVES = frozenset({"type", "not_type"})


@dataclass(frozen=True, slots=True)
class Like:
    """Which examples of other policies are of the same kind: `policy/type/level`, each a name or `*`."""

    policy: str
    type: str
    level: str

    def covers(self, policy: str, kind: str | None, level: str | None) -> bool:
        """Whether an example with these labels is meant."""
        pairs = ((self.policy, policy), (self.type, kind), (self.level, level))
        return all(wanted in {"*", given} for wanted, given in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestType:
    """A kind of request the policy knows. `inbound`: customers may raise it, so it may be suggested.

    `like` lends it examples of other policies to learn from: a cold start, never a rule.
    """

    value: str
    label: str
    definition: str
    clause: str
    priority_applies: bool
    inbound: bool
    like: tuple[Like, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A priority of the policy; `aliases` are other names customers use for it, `like` as for a type."""

    value: str
    label: str
    definition: str
    clause: str
    aliases: tuple[str, ...]
    like: tuple[Like, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a rule does.

    `move` is "cap" (at most this severe), "raise" (at least), "set", "type" or "not_type". `to` is one
    level, or one or more types. `only` restricts a level move to these levels (empty: all).
    """

    move: str
    to: tuple[str, ...]
    only: tuple[str, ...]

    @property
    def on_type(self) -> bool:
        """Whether this changes the type rather than the level."""
        return self.move in TYPE_MOVES


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A sentence of the policy that a machine can check.

    `by` names the roles that alone may apply it; such a rule is listed and never applied by itself.
    """

    id: str
    clause: str
    when: Condition
    effect: Effect
    by: tuple[str, ...]
    assumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy pack. `levels` run from the most severe down; `digest` is the SHA-256 of the file's bytes.

    `threshold` is the probability below which the suggestion abstains. `contact_phone_levels` are the
    levels for which the customer must give a telephone number. `fields` are what its form asks for.
    `assumed` names the values the policy's source does not state.
    """

    id: str
    version: int
    name: str
    source: str
    digest: str
    types: tuple[RequestType, ...]
    levels: tuple[Level, ...]
    sla_channels: tuple[str, ...]
    support_phone: str
    contact_phone_levels: tuple[str, ...]
    threshold: float
    rules: tuple[Rule, ...]
    assumed: tuple[str, ...]
    fields: tuple[Field, ...] = ()

    @property
    def ref(self) -> str:
        """The policy and its version as stored with each suggestion: `wso2@1`."""
        return f"{self.id}@{self.version}"

    def type_label(self, value: str) -> str:
        """What a person reads for a type; an unknown value is given back."""
        return next((kind.label for kind in self.types if kind.value == value), value)

    def level_label(self, value: str) -> str:
        """What a person reads for a level; an unknown value is given back."""
        return next((level.label for level in self.levels if level.value == value), value)

    def field_label(self, name: str) -> str:
        """What a person reads for a field of the form; an unknown name is given back."""
        return next((field.label for field in self.fields if field.name == name), name)

    def severity(self, value: str) -> int:
        """The level's place, 0 being the most severe."""
        return [level.value for level in self.levels].index(value)


def check(text: str, file: str) -> list[str]:
    """Every mistake of a policy file at once, as `file:line:column: key: what to write instead`."""
    return parse(text.encode(), file)[1]


def parse(content: bytes, file: str) -> tuple[Policy, list[str]]:
    """The policy in a file's bytes, and its mistakes; with mistakes the policy must not be used."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        text = ""
        top = read("{}", file)
        top.wrong(f"not UTF-8 at byte {error.start}")
    else:
        top = read(text, file)
    return (_policy(top, sha256(content).hexdigest()), top.mistakes)


def load_packs(directory: Path | None = None) -> dict[str, Policy]:
    """Every policy by id: the built-in packs, then the operator's `*.yaml`, which replace packs of the same id.

    Raises:
        Misconfigured: naming every mistake of every file with line and column.

    """
    packs: dict[str, Policy] = {}
    mistakes: list[str] = []
    for entry in sorted(files("triage").joinpath("policies").iterdir(), key=lambda found: found.name):
        if entry.name.endswith(".yaml"):
            pack, found = parse(entry.read_bytes(), entry.name)
            packs[pack.id] = pack
            mistakes += found
    mine: dict[str, Path] = {}
    for path in _operators_files(directory):
        own, found = _from_path(path)
        mistakes += found
        if own is None:
            continue
        if own.id in mine:
            mistakes.append(f"{path}:1:1: id: {own.id!r} is already the id of {mine[own.id]}")
        mine[own.id] = path
        packs[own.id] = own
    if mistakes:
        raise Misconfigured(public="; ".join(mistakes))
    return packs


def _operators_files(directory: Path | None) -> list[Path]:
    if directory is None:
        return []
    if not directory.is_dir():
        raise Misconfigured(public=f"{directory}: the policy directory does not exist or is no directory")
    return sorted(directory.glob("*.yaml"))


def _from_path(path: Path) -> tuple[Policy | None, list[str]]:
    try:
        return parse(path.read_bytes(), str(path))
    except OSError as error:
        return None, [f"{path}:1:1: file: cannot be read: {error.strerror}"]


def _policy(top: Node, digest: str) -> Policy:
    before = len(top.mistakes)
    required = frozenset({"id", "version", "name", "source", "types", "levels", "sla_channels", "threshold"})
    optional = frozenset({"support_phone", "contact_phone_levels", "rules", "assumed", "fields"})
    if before:
        required, optional = frozenset(), required | optional
    at = top.fields(required, optional)
    types = tuple(_type(entry) for entry in at["types"].entries()) if "types" in at else ()
    levels = tuple(_level(entry) for entry in at["levels"].entries()) if "levels" in at else ()
    for name, entries in (("types", types), ("levels", levels)):
        if name in at:
            at[name].unique([entry.value for entry in entries])
    rules = _rules(at["rules"], types, levels) if "rules" in at else ()
    values = frozenset(level.value for level in levels)
    phone_levels = at["contact_phone_levels"].choices(values, "level") if "contact_phone_levels" in at else ()
    return Policy(
        id=at["id"].slug() if "id" in at else "",
        version=int(at["version"].number(1, 1_000_000)) if "version" in at else 0,
        name=at["name"].text() if "name" in at else "",
        source=at["source"].text() if "source" in at else "",
        digest=digest,
        types=types,
        levels=levels,
        sla_channels=at["sla_channels"].choices(frozenset(Channel), "channel") if "sla_channels" in at else (),
        support_phone=at["support_phone"].text(empty=True) if "support_phone" in at else "",
        contact_phone_levels=phone_levels,
        threshold=at["threshold"].number(0, 1) if "threshold" in at else 1.0,
        rules=rules,
        assumed=at["assumed"].choices(required | optional, "key of the policy") if "assumed" in at else (),
        fields=_fields(at.get("fields"), types, values, phone_levels),
    )


def _fields(
    node: Node | None, types: tuple[RequestType, ...], levels: frozenset[str], phone_levels: tuple[str, ...]
) -> tuple[Field, ...]:
    if node is None:
        return plain_fields()
    raised = frozenset(kind.value for kind in types if kind.inbound)
    return read_fields(node, types=raised, levels=levels, phone_levels=phone_levels)


def _type(node: Node) -> RequestType:
    at = node.fields(
        frozenset({"value", "label", "definition", "clause"}), frozenset({"priority_applies", "inbound", "like"})
    )
    return RequestType(
        value=at["value"].slug() if "value" in at else "",
        label=at["label"].text() if "label" in at else "",
        definition=at["definition"].text() if "definition" in at else "",
        clause=at["clause"].text() if "clause" in at else "",
        priority_applies=at["priority_applies"].flag() if "priority_applies" in at else True,
        inbound=at["inbound"].flag() if "inbound" in at else True,
        like=_likes(at["like"]) if "like" in at else (),
    )


def _level(node: Node) -> Level:
    at = node.fields(frozenset({"value", "label", "definition", "clause"}), frozenset({"aliases", "like"}))
    return Level(
        value=at["value"].slug() if "value" in at else "",
        label=at["label"].text() if "label" in at else "",
        definition=at["definition"].text() if "definition" in at else "",
        clause=at["clause"].text() if "clause" in at else "",
        aliases=at["aliases"].texts() if "aliases" in at else (),
        like=_likes(at["like"]) if "like" in at else (),
    )


def _likes(node: Node) -> tuple[Like, ...]:
    found = []
    for entry in node.entries():
        parts = entry.text().split("/")
        if len(parts) != len(Like.__slots__) or not all(parts):
            entry.wrong("write policy/type/level, such as wso2/incident/P1 or oro/*/P1")
        else:
            found.append(Like(*parts))
    return tuple(found)


def _rules(node: Node, types: tuple[RequestType, ...], levels: tuple[Level, ...]) -> tuple[Rule, ...]:
    slugs = frozenset(kind.value for kind in types)
    values = frozenset(level.value for level in levels)
    rules = tuple(_rule(entry, slugs, values) for entry in node.entries())
    node.unique([rule.id for rule in rules])
    return rules


def _rule(node: Node, types: frozenset[str], levels: frozenset[str]) -> Rule:
    at = node.fields(frozenset({"id", "clause", "when", "then"}), frozenset({"by", "assumed"}))
    effect = _effect(at["then"], types, levels) if "then" in at else Effect(move="cap", to=(), only=())
    known = VOCABULARY if effect.on_type else {**VOCABULARY, TYPE: types}
    return Rule(
        id=at["id"].slug() if "id" in at else "",
        clause=at["clause"].text() if "clause" in at else "",
        when=condition(at["when"], known) if "when" in at else All(()),
        effect=effect,
        by=at["by"].choices(frozenset(Role), "role") if "by" in at else (),
        assumed=at["assumed"].flag() if "assumed" in at else False,
    )


def _effect(node: Node, types: frozenset[str], levels: frozenset[str]) -> Effect:
    at = node.fields(frozenset(), MOVES | TYPE_MOVES | {"from"})
    moves = sorted(at.keys() - {"from"})
    if len(moves) != 1:
        node.wrong("write exactly one of cap, raise, set, type, not_type")
        return Effect(move="cap", to=(), only=())
    move = moves[0]
    if move == "not_type":
        to = at[move].choices(types, "type")
    else:
        to = (at[move].one_of(types if move == "type" else levels, "type" if move == "type" else "level"),)
    if "from" in at and move in TYPE_MOVES:
        at["from"].wrong("only a level move has 'from'")
    return Effect(move=move, to=to, only=at["from"].choices(levels, "level") if "from" in at else ())
