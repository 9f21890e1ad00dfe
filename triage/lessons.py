"""Which examples teach one label of one policy, and how much each counts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.terms import LabelledRequest
from triage.classifier import TYPE
from triage.policy import Policy

BORROWED = 0.3
"""Weight of another policy's example that a policy's `like` declares to be of the same kind."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one head learns from: places among the examples, the policy's own ones (`own` of them) first."""

    places: list[int]
    labels: list[str]
    weights: list[float]
    own: int


def lesson(examples: Sequence[LabelledRequest], policy: Policy, label: str) -> Lesson:
    """The examples of a policy that carry a label it knows, and those its `like` borrows from others.

    A text that somebody labelled under this very policy is not borrowed as well.
    """
    entries = policy.types if label == TYPE else policy.levels
    known = {entry.value for entry in entries}
    own = [place for place, one in enumerate(examples) if one.policy == policy.id and label_of(one, label) in known]
    judged = {(one.subject, one.body) for one in examples if one.policy == policy.id}
    borrowed = [
        (place, entry.value)
        for place, one in enumerate(examples)
        if one.policy != policy.id and (one.subject, one.body) not in judged
        for entry in entries
        if any(like.covers(one.policy, one.type, one.priority) for like in entry.like)
    ]
    return Lesson(
        places=own + [place for place, _ in borrowed],
        labels=[str(label_of(examples[place], label)) for place in own] + [value for _, value in borrowed],
        weights=[examples[place].weight for place in own]
        + [BORROWED * examples[place].weight for place, _ in borrowed],
        own=len(own),
    )


def label_of(example: LabelledRequest, label: str) -> str | None:
    """The type or the priority of an example."""
    return example.type if label == TYPE else example.priority
