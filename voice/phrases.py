"""What a caller's words mean: phrases of their language, found in what was said. Pure.

An answer is never guessed from a word that stands for more than one thing: "not" is no "no", "I don't know" is neither,
and "no idea" is not "no". The longest phrase counts, and only in whole words.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

YES, FINE, NO, NOT, UNSURE, DOWN = "yes", "fine", "no", "not", "unsure", "down"
PERSON, REPEAT, RECORD, LACKING, BESIDE = "person", "repeat", "record", "lacking", "beside"
MEANINGS = (YES, FINE, NO, NOT, UNSURE, DOWN, PERSON, REPEAT, RECORD, LACKING, BESIDE)
"""What a phrase may mean. "fine" agrees and says nothing of a system ("it's okay"), "not" denies something, "beside" is
a word that may stand beside any answer.
"""
PLUS = "+"

Phrases = Mapping[tuple[str, ...], str]
"""The words of each phrase, and what it means."""


def words_of(speech: str) -> tuple[str, ...]:
    """What was said, word by word, in small letters and without apostrophes, which recognition leaves out at times."""
    return tuple(re.findall(r"[^\W_]+", re.sub(r"['’ʼ]", "", speech.casefold())))


def phrases(lists: Mapping[str, Iterable[str]]) -> Phrases:
    """The phrases of a language, from its lists by meaning."""
    return {words_of(phrase): meaning for meaning in MEANINGS for phrase in lists.get(meaning, ())}


def found(speech: str, known: Phrases) -> tuple[str, ...]:
    """What each phrase in an answer means, in order, the longest phrases first; empty for each word of no phrase."""
    words = words_of(speech)
    meant = dict.fromkeys(range(len(words)), "")
    taken: set[int] = set()
    for length in range(max(map(len, known), default=0), 0, -1):
        for start in range(len(words) - length + 1):
            place = range(start, start + length)
            meaning = known.get(words[start : start + length])
            if meaning and taken.isdisjoint(place):
                taken.update(place)
                meant[start] = meaning
                for rest in place[1:]:
                    del meant[rest]
    return tuple(meant.values())


def meant(said: Sequence[str]) -> str:
    """What an answer means as a whole: one of the meanings, or nothing where it is none of them, or several.

    A yes leads the answer, or is all of it; a no is all of it. Nothing that is denied is agreed to.
    """
    rest = [YES if each == FINE else each for each in said if each != BESIDE]
    kinds = set(rest)
    for asked in (PERSON, REPEAT):
        if kinds - {YES} == {asked}:
            return asked
    if UNSURE in kinds:
        return UNSURE
    if kinds == {RECORD}:
        return RECORD
    if NO in kinds and kinds <= {NO, NOT}:
        return NO
    if YES in kinds and not kinds & {NO, NOT} and (kinds == {YES} or rest[0] == YES):
        return YES
    return LACKING if LACKING in kinds else ""


def outage(said: Sequence[str]) -> str:
    """Whether something is down, says an answer: "yes", "no", "unsure" or nothing.

    A yes may stand anywhere, and so may what is down, but after a denial ("nothing of it is down"); a no must be all of
    the answer, since it keeps engineers asleep.
    """
    rest = [each for each in said if each != BESIDE]
    kinds = set(rest)
    if UNSURE in kinds:
        return UNSURE
    if NO in kinds:
        return NO if kinds == {NO} else ""
    if YES in kinds or list(said) == [FINE]:
        return YES
    return YES if DOWN in kinds and NOT not in rest[: rest.index(DOWN)] else ""


def numerals(speech: str, digits: Mapping[str, str], repeats: Mapping[str, int], beside: Iterable[str] = ()) -> str:
    """The digits in what was said, in order, after the plus sign if there was one; empty where there are none.

    `digits` are words for them; a single one among other words is none ("two of them"). `repeats` say the next digit
    more than once ("double four"). Words that are `beside` do not part digits.
    """
    runs: list[list[tuple[str, bool]]] = [[]]
    times, is_more = 1, False
    for word in re.findall(r"\+|[^\W_]+", re.sub(r"['’ʼ]", "", speech.casefold())):
        digit = digits.get(word) or re.sub(r"[^0-9+]", "", word)
        if digit:
            runs[-1].append((digit[0] * times + digit[1:], word in digits))
        elif word not in beside and word not in repeats:
            runs.append([])
            is_more = True
        times = repeats.get(word, 1)
    said = [run for run in runs if len(run) > 1 or not is_more or not (run and run[0][1])]
    text = "".join(each for run in said for each, _ in run)
    before, plus, after = text.partition(PLUS)
    return plus + after.replace(PLUS, "") if plus else before
