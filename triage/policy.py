"""A customer's support policy as frozen values, read from YAML with every mistake named. Pure.

A policy never borrows another one's rules: the same fact may cap Severity 1 at 3 here and P1 at P2 there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from models.errors import Misconfigured
from models.terms import Channel
from triage.calendars import Calendar
from triage.catalogue import Catalogue, read_catalogue
from triage.commitments import Ground, clock_keys, read_calendars, read_clocks
from triage.completeness import Wanted, read_completeness
from triage.entitlement import Entitlement, read_entitlement
from triage.escalation import Ladder, read_ladders
from triage.facts import VOCABULARY
from triage.fields import Field, plain_fields, read_fields
from triage.habits import read_nudges
from triage.matrix import Matrix, read_matrix
from triage.nudges import Rule as Nudge
from triage.phone import Phone, completed, read_phone
from triage.plain import plain_workflow
from triage.reachability import Reachability, read_reachability
from triage.reading import Node, read
from triage.rules import Effect, Rule, read_rules
from triage.statuses import read_workflow
from triage.targets import Commitments
from triage.workflow import HALTED, Workflow

__all__ = ["Effect", "Level", "Like", "Policy", "RequestType", "Rule", "check", "from_path", "load_packs", "parse"]

SECTIONS = frozenset(
    ["clocks", "workflow", "escalation", "matrix", "catalogue", "completeness", "entitlement", "nudges", "reachability",
     "phone"]
)  # fmt: skip
"""What a pack may say beside its types, levels, rules and form."""


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
class Policy:
    """One policy pack. `levels` run from the most severe down; `digest` is the SHA-256 of the file's bytes.

    `threshold` is the probability below which the suggestion abstains. `contact_phone_levels` are the
    levels for which the customer must give a telephone number. `fields` are what its form asks for.
    `assumed` names the values the policy's source does not state; `grounds` are the clauses of its calendars,
    pauses, types without a clock of their own and levels without a target.
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
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    commitments: Commitments = field(default_factory=lambda: Commitments(levels={}))
    grounds: tuple[Ground, ...] = ()
    workflow: Workflow = field(default_factory=plain_workflow)
    escalation: tuple[Ladder, ...] = ()
    matrix: Matrix | None = None
    catalogue: Catalogue | None = None
    completeness: tuple[Wanted, ...] = ()
    entitlement: Entitlement | None = None
    nudges: tuple[Nudge, ...] = ()
    reachability: Reachability = field(default_factory=Reachability)
    phone: Phone = field(default_factory=Phone)

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
    """Every policy by id: the built-in packs, then the operator's (`*.yaml`, `*.yml`), which replace those of their id.

    Raises:
        Misconfigured: naming every mistake of every file with line and column.

    """
    packs = {pack.id: pack for pack, _ in _built_in()}
    mistakes = [mistake for _, found in _built_in() for mistake in found]
    mine: dict[str, Path] = {}
    for path in _operators_files(directory):
        own, found = from_path(path)
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


@cache
def _built_in() -> tuple[tuple[Policy, list[str]], ...]:
    """The packs we come with, and their mistakes: files that never change, and take a third of a second to read."""
    entries = sorted(files("triage").joinpath("policies").iterdir(), key=lambda found: found.name)
    return tuple(parse(entry.read_bytes(), entry.name) for entry in entries if entry.name.endswith(".yaml"))


def _operators_files(directory: Path | None) -> list[Path]:
    if directory is None:
        return []
    if not directory.is_dir():
        raise Misconfigured(public=f"{directory}: the policy directory does not exist or is no directory")
    return sorted(path for path in directory.iterdir() if path.suffix.lower() in {".yaml", ".yml"})


def from_path(path: Path) -> tuple[Policy | None, list[str]]:
    """The policy in a file and its mistakes, as `parse`; None where the file cannot be read."""
    try:
        return parse(path.read_bytes(), str(path))
    except OSError as error:
        return None, [f"{path}:1:1: file: cannot be read: {error.strerror}"]


def _policy(top: Node, digest: str) -> Policy:
    required = frozenset({"id", "version", "name", "source", "types", "levels", "sla_channels", "threshold"})
    optional = frozenset({"support_phone", "contact_phone_levels", "rules", "assumed", "fields"}) | SECTIONS
    if top.mistakes and not top.value:  # nothing could be read: no key is missing from that
        required, optional = frozenset(), required | optional
    at = top.fields(required, optional)
    types = tuple(_type(entry) for entry in at["types"].entries()) if "types" in at else ()
    levels = tuple(_level(entry) for entry in at["levels"].entries()) if "levels" in at else ()
    for name, entries in (("types", types), ("levels", levels)):
        if name in at:
            at[name].unique([entry.value for entry in entries])
    values = frozenset(level.value for level in levels)
    slugs = frozenset(kind.value for kind in types)
    rules = read_rules(at["rules"], types=slugs, levels=values) if "rules" in at else ()
    phone_levels = at["contact_phone_levels"].choices(values, "level") if "contact_phone_levels" in at else ()
    policy = Policy(
        id=at["id"].slug() if "id" in at else "",
        version=at["version"].whole(1, 1_000_000) if "version" in at else 0,
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
    return _with_sections(policy, at)


def _with_sections(policy: Policy, at: Mapping[str, Node]) -> Policy:
    """The policy with its clocks, its ways of working and what it wants to be told."""
    levels = [level.value for level in policy.levels]
    known = frozenset(levels)
    types = frozenset(kind.value for kind in policy.types)
    fields = frozenset(one.name for one in policy.fields)
    clocks = clock_keys(at["clocks"]) if "clocks" in at else {}
    calendars, shown = read_calendars(clocks)
    flow = read_workflow(at["workflow"], calendars=calendars) if "workflow" in at else policy.workflow
    halts = frozenset(status.value for status in flow.statuses if status.stage in HALTED)
    promises, grounds = read_clocks(clocks, calendars=calendars, levels=levels, types=types, halts=halts)
    ladders: tuple[Ladder, ...] = ()
    if "escalation" in at:
        ladders = read_ladders(
            at["escalation"], levels=known, types=types, calendars=calendars, warn_at=promises.warn_at
        )
    catalogue = None
    if "catalogue" in at:
        places = VOCABULARY["environment"]
        catalogue = read_catalogue(at["catalogue"], types=types, places=places, calendars=calendars)
    wanted: tuple[Wanted, ...] = ()
    if "completeness" in at:
        wanted = read_completeness(at["completeness"], types=types, levels=known, fields=fields)
    habits: tuple[Nudge, ...] = ()
    if "nudges" in at:
        habits = read_nudges(at["nudges"], levels=known, types=types, calendars=calendars)
    phone, there = read_phone(at["phone"], levels=known) if "phone" in at else (policy.phone, frozenset[str]())
    return replace(
        policy,
        calendars=calendars,
        commitments=promises,
        grounds=(*shown, *grounds),
        workflow=flow,
        escalation=ladders,
        matrix=read_matrix(at["matrix"], levels=levels, types=types, fields=fields) if "matrix" in at else None,
        catalogue=catalogue,
        completeness=wanted,
        entitlement=read_entitlement(at["entitlement"]) if "entitlement" in at else None,
        nudges=habits,
        reachability=read_reachability(at["reachability"]) if "reachability" in at else policy.reachability,
        phone=completed(phone, there, levels=levels, named=policy.contact_phone_levels, wanted=wanted),
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
