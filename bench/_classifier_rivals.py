"""What our classifier is measured against, and the answers of both in one shape."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from _classifier_tables import Parted, text
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.svm import LinearSVC

from triage import classifier, figures, training

Shares = dict[str, float]


@dataclass(frozen=True, slots=True)
class Answers:
    """The right labels, those guessed, and probabilities by label where whoever guessed gives them.

    `declined` counts those whose probabilities the classifier itself does not trust. `conformal` is the coverage and
    mean size of our 90 % sets, where the classifier makes any.
    """

    truth: list[str]
    guesses: list[str]
    shares: list[Shares] | None = None
    declined: int = 0
    conformal: dict[str, float] = field(default_factory=dict)

    def of(self, places: Sequence[int]) -> "Answers":
        """The answers at some places only."""
        return Answers(
            [self.truth[place] for place in places],
            [self.guesses[place] for place in places],
            [self.shares[place] for place in places] if self.shares else None,
        )


def joined(parts: Sequence[Answers]) -> Answers:
    """The answers of several folds as one; the figures of their sets weighted by the answers."""
    whole = sum(len(part.truth) for part in parts)
    sets = {
        name: sum(part.conformal[name] * len(part.truth) for part in parts) / whole
        for name in parts[0].conformal
        if all(name in part.conformal for part in parts)
    }
    return Answers(
        [one for part in parts for one in part.truth],
        [one for part in parts for one in part.guesses],
        [one for part in parts for one in part.shares or ()] if all(part.shares for part in parts) else None,
        sum(part.declined for part in parts),
        sets,
    )


def ours(parted: Parted, label: str) -> Answers:
    """Our answers: an artefact trained on one part by `training.train_label`, loaded, asked about the other."""
    trained = training.train_label(parted.taught, label)
    loaded = classifier.load(trained.content, trained.digest)
    reported = training.evaluate_label(loaded, parted.asked, label)
    found = [
        loaded.rank(training.ANY_POLICY, row.get("subject") or "", row.get("body") or "", ()) for row in parted.asked
    ]
    shares = [one.type if label == classifier.TYPE else one.priority for one in found]
    known = [one for one in shares if one is not None]
    assert len(known) == len(shares), f"the artefact has not learnt {label}"
    declined = sum(bool(one.declines) for one in found)
    truth = [row[label] for row in parted.asked]
    # As the product guesses (`training.report`): of severities the one that is the fewest levels off.
    order = figures.severities({*truth, *(name for one in known for name in one)})
    guesses = [figures.cheapest(one, order) for one in known] if order else tops(known)
    return Answers(truth, guesses, known, declined, dict(reported.get("conformal") or {}))


def at_once(parted: Parted, label: str) -> Answers:
    """Ours, told each answer after giving its own: learnt in memory, as the product does with each decision."""
    trained = training.train_label(parted.taught, label)
    loaded = classifier.load(trained.content, trained.digest)
    shares = []
    for row in parted.asked:
        said = training.ANY_POLICY, row.get("subject") or "", row.get("body") or ""
        found = loaded.rank(*said, ())
        shares.append((found.type if label == classifier.TYPE else found.priority) or {})
        loaded.learn(*said, (), given={label: row[label]})
    return _guessed(parted, label, shares)


def refitted(every: int) -> Callable[[Parted, str], Answers]:
    """Ours, trained anew on all there is after so many answers."""

    def answers(parted: Parted, label: str) -> Answers:
        parts = [parted.asked[at : at + every] for at in range(0, len(parted.asked), every)]
        return joined(
            [ours(Parted(parted.taught + parted.asked[: at * every], part), label) for at, part in enumerate(parts)]
        )

    return answers


def _guessed(parted: Parted, label: str, shares: list[Shares]) -> Answers:
    """As the product guesses (`training.report`): of severities the one that is the fewest levels off."""
    truth = [row[label] for row in parted.asked]
    order = figures.severities({*truth, *(name for one in shares for name in one)})
    return Answers(truth, [figures.cheapest(one, order) for one in shares] if order else tops(shares), shares)


def tops(shares: Sequence[Shares]) -> list[str]:
    """The likeliest label of each."""
    return [max(one, key=one.__getitem__) for one in shares]


def majority(parted: Parted, label: str) -> Answers:
    """Always the commonest label, as sure as it is common."""
    counted = Counter(row[label] for row in parted.taught)
    shares = {name: times / len(parted.taught) for name, times in counted.items()}
    truth = [row[label] for row in parted.asked]
    return Answers(truth, [counted.most_common(1)[0][0]] * len(truth), [shares] * len(truth))


def complete() -> Pipeline:
    """The same over words, word pairs and characters: what the classifier sees of a text, through scikit-learn."""
    seen = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2),
    )
    return make_pipeline(seen, LogisticRegression(max_iter=1000))


def plain() -> Pipeline:
    """What every tutorial begins with: TF-IDF of words and logistic regression."""
    return make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))


def _fitted(made: Callable[[], Any]) -> Callable[[Parted, str], Answers]:
    def answers(parted: Parted, label: str) -> Answers:
        model = made().fit([text(row) for row in parted.taught], [row[label] for row in parted.taught])
        asked, truth = [text(row) for row in parted.asked], [row[label] for row in parted.asked]
        if not hasattr(model, "predict_proba"):
            return Answers(truth, model.predict(asked).tolist())
        names = [str(name) for name in model.classes_]
        shares = [dict(zip(names, line, strict=True)) for line in model.predict_proba(asked).tolist()]
        return Answers(truth, tops(shares), shares)

    return answers


def last_of_project(parted: Parted, label: str) -> Answers:
    """The label of the request before, in the same project; the truth is learnt after each answer."""
    before = {row["source"]: row[label] for row in parted.taught}
    truth, guesses = [], []
    for row in parted.asked:
        truth.append(row[label])
        guesses.append(before.get(row["source"], truth[0]))
        before[row["source"]] = row[label]
    return Answers(truth, guesses)


def updated(parted: Parted, label: str) -> Answers:
    """Logistic regression by stochastic gradient over hashed words, taught each answer after giving its own."""
    hashed = HashingVectorizer(n_features=2**18, alternate_sign=False)
    model = SGDClassifier(loss="log_loss", random_state=0)
    model.fit(hashed.transform([text(row) for row in parted.taught]), [row[label] for row in parted.taught])
    truth, guesses = [], []
    for row in parted.asked:
        values = hashed.transform([text(row)])
        guesses.append(str(model.predict(values)[0]))
        truth.append(row[label])
        model.partial_fit(values, truth[-1:])
    return Answers(truth, guesses)


RIVALS: dict[str, Callable[[Parted, str], Answers]] = {
    "majority": majority,
    "TF-IDF + LR": _fitted(plain),
    "LinearSVC": _fitted(lambda: make_pipeline(TfidfVectorizer(), LinearSVC())),
    "naive Bayes": _fitted(lambda: make_pipeline(TfidfVectorizer(), MultinomialNB())),
}
"""Measured in the same run on the same rows; scikit-learn's defaults."""


def accuracy(answers: Answers) -> float:
    """Share of right guesses."""
    return figures.accuracy(answers.truth, answers.guesses)


def macro_f1(answers: Answers) -> float:
    """Mean F1 over the labels."""
    return figures.macro_f1(answers.truth, answers.guesses)


def kappa(answers: Answers) -> float:
    """Quadratic weighted kappa, the labels ordered as severities; counted by label, not by pair."""
    order = figures.severities({*answers.truth, *answers.guesses})
    place = {name: index for index, name in enumerate(order)}
    right, said = Counter(answers.truth), Counter(answers.guesses)
    seen = sum((place[one] - place[other]) ** 2 for one, other in zip(answers.truth, answers.guesses, strict=True))
    chance = sum((place[one] - place[other]) ** 2 * right[one] * said[other] for one in right for other in said)
    return 1 - seen * len(answers.truth) / chance if chance else 0.0


def calibration_error(answers: Answers) -> float | None:
    """Expected calibration error of the top guess over ten bins."""
    return figures.calibration_error(answers.truth, answers.shares) if answers.shares else None


def coverage(wanted: float) -> Callable[[Answers], float | None]:
    """Share of requests answered when only the surest are, as many as keep this accuracy."""
    return lambda answers: figures.coverage(answers.truth, answers.shares, wanted) if answers.shares else None


def recall(names: frozenset[str], precision: float) -> Callable[[Answers], float | None]:
    """Recall of some labels together, by the sum of their probabilities, at a precision."""

    def measured(answers: Answers) -> float | None:
        if not answers.shares:
            return None
        truth = ["yes" if name in names else "no" for name in answers.truth]
        shares = [{"yes": sum(row.get(name, 0.0) for name in names)} for row in answers.shares]
        if len({row["yes"] for row in shares}) == 1:  # whoever is always as sure can only name all or none
            return float(truth.count("yes") >= precision * len(truth))
        return figures.recall_at(truth, shares, "yes", precision)

    return measured
