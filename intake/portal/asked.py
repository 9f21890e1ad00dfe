"""What a form needs to know of a policy, which comes in by shape: any value with these attributes will do. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from models.terms import Choice, Visibility


class Field(Protocol):
    """One question of a policy's form."""

    @property
    def name(self) -> str:
        """Under which the answer is kept."""

    @property
    def label(self) -> str:
        """What a person reads, in English."""

    @property
    def kind(self) -> str:
        """The kind of answer: text, longtext, choice, phone, email, version, secret, type, level."""

    @property
    def help(self) -> str:
        """A hint, in English; may be empty."""

    @property
    def required(self) -> bool:
        """Whether an answer is needed whatever else is answered."""

    @property
    def required_for_types(self) -> Sequence[str]:
        """The types an answer is needed for."""

    @property
    def required_for_levels(self) -> Sequence[str]:
        """The levels an answer is needed for."""

    @property
    def types(self) -> Sequence[str]:
        """The only types this is asked for; empty: all."""

    @property
    def options(self) -> Sequence[Choice]:
        """The choices of kind `choice`."""

    @property
    def fact(self) -> str:
        """The fact an answer states; may be empty."""


class Named(Protocol):
    """A level of the policy."""

    @property
    def value(self) -> str:
        """The slug."""

    @property
    def label(self) -> str:
        """The policy's own name of it."""

    @property
    def definition(self) -> str:
        """The policy's own words for it."""


class Kind(Named, Protocol):
    """A type of the policy."""

    @property
    def inbound(self) -> bool:
        """Whether a customer may raise it."""

    @property
    def priority_applies(self) -> bool:
        """Whether it has a level."""


class Input(Protocol):
    """Something a service needs to be told."""

    @property
    def name(self) -> str:
        """Under which the answer is kept."""

    @property
    def ask(self) -> str:
        """The question, in English."""

    @property
    def why(self) -> str:
        """Why it is asked, in English; may be empty."""

    @property
    def options(self) -> Sequence[Choice]:
        """The only answers that will do; empty: any."""


class Service(Protocol):
    """One entry of a policy's catalogue."""

    @property
    def id(self) -> str:
        """The slug."""

    @property
    def label(self) -> str:
        """The policy's own name of it."""

    @property
    def types(self) -> Sequence[str]:
        """The types it is asked for by; empty: all."""

    @property
    def asks(self) -> Sequence[Input]:
        """What must be told before the work can begin."""

    @property
    def days(self) -> tuple[int, int] | None:
        """The fewest and the most working days; None where it needs looking into."""

    @property
    def hint(self) -> str:
        """How the customer can do it without us; may be empty."""

    @property
    def note(self) -> str:
        """What else must be known; may be empty."""

    @property
    def notice(self) -> int:
        """How many days ahead of its date it must be ordered; 0: none."""


class Catalogue(Protocol):
    """What a customer may order, and who of their people sees a request unless they say otherwise."""

    @property
    def services(self) -> Sequence[Service]:
        """The services, in order."""

    @property
    def visibility(self) -> Visibility:
        """Who sees a request whose form does not say."""


class Matrix(Protocol):
    """A level for each impact (a row) and urgency (a column)."""

    @property
    def impact(self) -> str:
        """The field of the form that answers the row."""

    @property
    def urgency(self) -> str:
        """The field of the form that answers the column."""

    @property
    def urgencies(self) -> Sequence[str]:
        """The columns, by the value of their answer."""

    @property
    def rows(self) -> Mapping[str, Sequence[str]]:
        """The levels of each row, by the value of its answer."""

    def covers(self, type_: str | None) -> bool:
        """Whether it holds for a type."""


class Policy(Protocol):
    """What a form needs to know of a policy."""

    @property
    def name(self) -> str:
        """What a person reads."""

    @property
    def fields(self) -> Sequence[Field]:
        """The questions, in order."""

    @property
    def types(self) -> Sequence[Kind]:
        """The types."""

    @property
    def levels(self) -> Sequence[Named]:
        """The levels, the most severe first."""

    @property
    def contact_phone_levels(self) -> Sequence[str]:
        """The levels for which a telephone number is needed."""

    @property
    def support_phone(self) -> str:
        """The number to call; may be empty."""

    @property
    def catalogue(self) -> Catalogue | None:
        """The services that can be ordered; None where there are none."""

    @property
    def matrix(self) -> Matrix | None:
        """How impact and urgency give a level; None where they do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainField:
    """A question of the plain form."""

    name: str
    label: str
    kind: str
    help: str = ""
    required: bool = False
    required_for_types: tuple[str, ...] = ()
    required_for_levels: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    options: tuple[Choice, ...] = ()
    fact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainPolicy:
    """What is asked where a request's policy is no longer there."""

    name: str = ""
    fields: tuple[Field, ...] = (
        PlainField(name="summary", label="Summary", kind="text", required=True),
        PlainField(name="description", label="Description", kind="longtext", required=True),
        PlainField(name="phone", label="Contact phone", kind="phone"),
    )
    types: tuple[Kind, ...] = ()
    levels: tuple[Named, ...] = ()
    contact_phone_levels: tuple[str, ...] = ()
    support_phone: str = ""
    catalogue: Catalogue | None = None
    matrix: Matrix | None = None
