"""A cold start: requests under the four policies that nobody has seen. Needs none of the public sets."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import _classifier_rivals as rivals
import blind
from _classifier_rivals import RIVALS, Answers
from _classifier_rows import Asked, Line, say
from _classifier_tables import Parted, dealt

from models.terms import Channel, Fact, LabelledRequest, Ranking, Suggestion
from triage import classifier, figures, training
from triage.policy import Policy, Rule, load_packs
from triage.suggest import suggest

TYPE, PRIORITY = "type", "priority"
LABELS = (TYPE, PRIORITY)
GOALS = {
    ("wso2", TYPE): 0.92, ("oro", TYPE): 0.92, ("witboost", TYPE): 0.85,
    ("wso2", PRIORITY): 0.80, ("oro", PRIORITY): 0.80, ("witboost", PRIORITY): 0.80, ("parallels", PRIORITY): 0.82,
}  # fmt: skip
ELSEWHERE = frozenset({"staging", "development", "test"})
UNSEEN = "blind-"
"""How ids of the blind set begin."""
NOMINAL, CLOSE = 0.9, 0.025
Packs = Mapping[str, Policy]
Judged = tuple[LabelledRequest, Suggestion]


def unseen() -> list[tuple[dict[str, Any], LabelledRequest]]:
    """The blind set, row by row: as it is written, and as a request whose facts are its author's."""
    rows = [json.loads(line) for line in blind.FILE.read_text(encoding="utf-8").splitlines()]
    return [
        (
            row,
            LabelledRequest(
                id=f"{UNSEEN}{at}",
                policy=row["policy"],
                channel=Channel(row["channel"]),
                subject=row["subject"],
                body=row["body"],
                type=row["type"],
                priority=row["priority"],
                facts=row["facts"],
            ),
        )
        for at, row in enumerate(rows)
    ]


def hands(examples: Sequence[LabelledRequest], number: int) -> list[int]:
    """A hand for each example; one text under several policies is in one hand, whole."""
    texts = list({(one.subject, one.body): (one.policy, one.type, one.priority) for one in examples}.items())
    found = dict(zip((text for text, _ in texts), dealt([key for _, key in texts], number), strict=True))
    return [found[one.subject, one.body] for one in examples]


@cache
def corpus(*, quick: bool) -> tuple[LabelledRequest, ...]:
    """The seed corpus; in a quick run one text in eight of it."""
    whole = training.seed_corpus()
    return tuple(one for one, hand in zip(whole, hands(whole, 8), strict=True) if hand == 0) if quick else tuple(whole)


@cache
def first(*, quick: bool) -> classifier.Classifier:
    """The classifier of a new installation: it has learnt the seed corpus and nothing else."""
    say("training on the seed corpus")
    return learnt(load_packs(), corpus(quick=quick))


def learnt(packs: Packs, taught: Sequence[LabelledRequest]) -> classifier.Classifier:
    """A classifier trained on these, by way of its bytes."""
    trained = training.train(taught, packs)
    return classifier.load(trained.content, trained.digest)


def judged(packs: Packs, loaded: classifier.Classifier, asked: Iterable[LabelledRequest]) -> list[Judged]:
    """What is suggested for requests by a classifier that learnt from others: the whole way, by the text alone."""
    return [(one, suggested(packs[one.policy], loaded, one)) for one in asked]


def suggested(policy: Policy, loaded: classifier.Classifier, one: LabelledRequest) -> Suggestion:
    """One request's suggestion; its language is not given, so that none abstains for it."""
    return written(policy, loaded, one, (one.subject, one.body))


def written(policy: Policy, loaded: classifier.Classifier, one: LabelledRequest, text: tuple[str, str]) -> Suggestion:
    """What is suggested for a request whose subject and body are written like this."""
    return suggest(policy, loaded, channel=one.channel, subject=text[0], body=text[1], language=None)


def answers(found: Sequence[Judged], label: str) -> Answers:
    """Suggestions as answers, where the truth is known; where no suggestion was made, the label is empty."""
    known = [(training.label_of(one, label), ranking(said, label)) for one, said in found]
    pairs = [(truth, given) for truth, given in known if truth]
    return Answers(
        [str(truth) for truth, _ in pairs],
        [given.value if given else "" for _, given in pairs],
        [given.all if given else {"": 1.0} for _, given in pairs],
    )


def ranking(said: Suggestion, label: str) -> Ranking | None:
    """The suggested type or priority."""
    return said.type if label == TYPE else said.priority


def cold_start(asked: Asked) -> tuple[list[Line], dict[str, Any]]:
    """Requests whose authors had not seen rules, phrases or corpus, by the artefact of a new installation."""
    packs, taught, loaded = load_packs(), corpus(quick=asked.quick), first(quick=asked.quick)
    found = [(one, blind.made(packs[one.policy], loaded, row)) for row, one in unseen()]
    theirs = {(name, label): others(taught, found, name, label) for label in LABELS for name in sorted(packs)}
    told = [_accuracy(packs[name], found, label, others) for (name, label), others in theirs.items()]
    told += alone("blind", packs, found)
    told += [*_top(packs, found, theirs), *_mistakes(packs, found), *sets("blind", packs, found)]
    told += _by("language", [row["language"] for row, _ in unseen()], found)
    told += _by("channel", [one.channel.value for one, _ in found], found)
    for label in LABELS:
        error = rivals.calibration_error(answers(found, label))
        told.append(Line(part="blind", figure=f"{label}: calibration error", ours=error, note="128 requests: ± 0.04"))
    abstained = Counter(said.abstained_because for _, said in found if said.abstained)
    because = "; ".join(f"{times} × {reason}" for reason, times in abstained.most_common())
    told.append(Line(part="blind", figure="abstained", ours=abstained.total(), unit="count", note=because))
    return told, {"artefact": loaded.id, "corpus": len(taught), "requests": len(found)}


def others(examples: Iterable[LabelledRequest], found: list[Judged], name: str, label: str) -> dict[str, Answers]:
    """What the baselines answer to a policy's requests, each trained on the policy's own part of the corpus."""
    taught = [_row(one) for one in examples if one.policy == name and training.label_of(one, label)]
    parted = Parted(taught, [_row(one) for one, _ in found if one.policy == name])
    return {who: rival(parted, label) for who, rival in RIVALS.items()}


def _accuracy(policy: Policy, found: list[Judged], label: str, theirs: dict[str, Answers]) -> Line:
    own = [pair for pair in found if pair[0].policy == policy.id]
    known = {entry.value for entry in (policy.types if label == TYPE else policy.levels)}
    return Line(
        part="blind",
        figure=f"{label}: {policy.id}, accuracy",
        ours=rivals.accuracy(answers(own, label)),
        goal=GOALS.get((policy.id, label)),
        rivals={who: rivals.accuracy(answered) for who, answered in theirs.items()},
        note=f"{len(own)} requests, {len(known)} labels",
    )


def alone(part: str, packs: Packs, found: Sequence[Judged]) -> list[Line]:
    """Accuracy of the priority before the policy's rules, and how many requests the rules mended and spoilt."""
    told = []
    for name in sorted(packs):
        own = [(one.priority, said) for one, said in found if one.policy == name and one.priority and said.priority]
        before = [said.priority_model == true for true, said in own]
        after = [ranked.value == true for true, said in own if (ranked := said.priority)]
        mended = sum(right and not was for was, right in zip(before, after, strict=True))
        spoilt = sum(was and not right for was, right in zip(before, after, strict=True))
        share, note = blind.ratio(sum(before), len(before)), f"rules mended {mended}, spoilt {spoilt}"
        told.append(Line(part=part, figure=f"priority: {name}, classifier alone, accuracy", ours=share, note=note))
    return told


def _by(what: str, kinds: list[str], found: list[Judged]) -> list[Line]:
    """Accuracy of the priority by language or channel, that of the type beside it."""
    told = []
    for kind in sorted(set(kinds)):
        own = [pair for pair, mine in zip(found, kinds, strict=True) if mine == kind]
        type_, priority = (rivals.accuracy(answers(own, label)) for label in LABELS)
        note = f"type {type_:.3f}; {len(own)} requests"
        told.append(Line(part="blind", figure=f"priority: {what} {kind}, accuracy", ours=priority, note=note))
    return told


def _row(one: LabelledRequest) -> dict[str, str]:
    return {"subject": one.subject, "body": one.body, "type": str(one.type), "priority": str(one.priority)}


def _top(packs: Packs, found: list[Judged], theirs: Mapping[tuple[str, str], dict[str, Answers]]) -> list[Line]:
    """The most severe level of each policy, over all of them; by what is suggested, and by its probability."""
    tops = {name: pack.levels[0].value for name, pack in packs.items()}
    own = {name: answers([pair for pair in found if pair[0].policy == name], PRIORITY) for name in packs}
    mine = _hit(own, tops)
    everybody = {who: _hit({name: theirs[name, PRIORITY][who] for name in packs}, tops) for who in RIVALS}
    truth = ["top" if one.priority == tops[one.policy] else "other" for one, _ in found]
    shares = [{"top": said.priority.all[tops[one.policy]] if said.priority else 0.0} for one, said in found]
    return [
        *[Line(part="blind", figure=f"top priority: {name}", ours=mine[at], goal=goal,
               rivals={who: hit[at] for who, hit in everybody.items()})
          for at, (name, goal) in enumerate((("recall", 0.85), ("precision", 0.60)))],
        Line(part="blind", figure="top priority: recall by probability at precision ≥ 0.6",
             ours=figures.recall_at(truth, shares, "top", 0.6)),
    ]  # fmt: skip


def _hit(given: Mapping[str, Answers], tops: Mapping[str, str]) -> tuple[float, float]:
    """Recall and precision of the most severe level over policies."""
    pairs = [(true == tops[name], said == tops[name]) for name, one in given.items()
             for true, said in zip(one.truth, one.guesses, strict=True)]  # fmt: skip
    hits = sum(true and said for true, said in pairs)
    return blind.ratio(hits, sum(true for true, _ in pairs)), blind.ratio(hits, sum(said for _, said in pairs))


def _mistakes(packs: Packs, found: list[Judged]) -> list[Line]:
    """Mistakes none of which may be made, counted."""
    pairs = [({"facts": one.facts}, said) for one, said in found]
    swapped = [_ends(packs[one.policy], str(one.priority), said) for one, said in found]
    counted = {
        "workaround read where its author says there is none": blind.false(pairs, "workaround", "no", blind.EASED),
        "production read as another place": blind.false(pairs, "environment", "production", ELSEWHERE),
        "lowest level suggested as one of the top two": swapped.count("up"),
        "one of the top two suggested as the lowest level": swapped.count("down"),
        "downgrades by a fact read without its span": sum(
            unproven(packs[one.policy], one, said) for one, said in found
        ),
    }
    return [Line(part="blind", figure=name, ours=float(times), goal=0.0, most=True, unit="count")
            for name, times in counted.items()]  # fmt: skip


def _ends(policy: Policy, truth: str, said: Suggestion) -> str:
    top, lowest = {level.value for level in policy.levels[:2]}, policy.levels[-1].value
    given = said.priority.value if said.priority else ""
    if truth == lowest and given in top:
        return "up"
    return "down" if truth in top and given == lowest else ""


def unproven(policy: Policy, one: LabelledRequest, said: Suggestion) -> bool:
    """Whether a rule lowered the level by a fact from the text that does not show where it stands there."""
    effects = {result.id: result.effect for result in said.rules}
    lowering = [rule for rule in policy.rules if lowers(policy, rule, effects.get(rule.id))]
    asked = {name for rule in lowering for name in rule.when.asks()}
    return any(fact.name in asked and not shows(fact, one) for fact in said.facts if fact.source == "text")


def lowers(policy: Policy, rule: Rule, effect: str | None) -> bool:
    """Whether a rule's effect ("P1→P3") is a milder level; rules about types lower nothing."""
    if not effect or rule.effect.on_type:
        return False
    before, _, after = effect.partition("→")
    return policy.severity(after) > policy.severity(before)


def shows(fact: Fact, one: LabelledRequest) -> bool:
    """Whether a fact comes with a span, and with evidence that is words of the request."""
    if not fact.span or not fact.evidence:
        return False
    start, end = fact.span
    return end > start and " ".join(fact.evidence.split()) in " ".join(f"{one.subject}\n{one.body}".split())


def sets(part: str, packs: Packs, found: list[Judged]) -> list[Line]:
    """Whether the levels named as right nine times in ten are."""
    told = []
    for name in (*sorted(packs), ""):
        own = [(one, said) for one, said in found if one.priority and name in {"", one.policy}]
        covered = blind.ratio(sum(one.priority in said.set90 for one, said in own), len(own))
        size = sum(len(said.set90) for _, said in own) / len(own)
        told.append(
            Line(
                part=part,
                figure=f"priority: 90 % sets, {name or 'all policies'}, gap to 90 %",
                ours=abs(covered - NOMINAL),
                goal=None if name else CLOSE,
                most=True,
                note=f"covered {covered:.3f}, mean size {size:.2f} of {len(packs[name].levels) if name else 'them'}",
            )
        )
    return told
