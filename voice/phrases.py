"""What a caller's words mean: phrases of their language, found in what was said. Pure.

An answer is never guessed from a word that stands for more than one thing: "not" is no "no", "I don't know" is neither,
and "no idea" is not "no". The longest phrase counts, and only in whole words.
"""

import re
from collections.abc import Container, Iterable, Mapping, Sequence

YES, FINE, NO, NOT, UNSURE, DOWN = "yes", "fine", "no", "not", "unsure", "down"
PERSON, REPEAT, RECORD, LACKING, BESIDE = "person", "repeat", "record", "lacking", "beside"
LIVE, ELSEWHERE = "live", "elsewhere"
MEANINGS = (YES, FINE, NO, NOT, UNSURE, DOWN, LIVE, ELSEWHERE, PERSON, REPEAT, RECORD, LACKING, BESIDE)
"""What a phrase may mean. "fine" agrees and says nothing of a system ("it's okay"), "not" denies something, "live" is
a production system and "elsewhere" one that is none ("staging"), "beside" is a word that may stand beside any answer.
"""
PLUS = "+"
FIGURES = re.compile(r"[0-9]+|\+")

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
    the answer, since it keeps engineers asleep. Whoever speaks of another system than production ("only staging is
    down") has said neither; so has whoever says what is fine beside it.
    """
    rest = [each for each in said if each != BESIDE]
    kinds = set(rest)
    if ELSEWHERE in kinds and NOT in rest[: rest.index(ELSEWHERE)]:
        return ""
    if UNSURE in kinds or (ELSEWHERE in kinds and (LIVE not in kinds or FINE in kinds)):
        return UNSURE
    if NO in kinds:
        return NO if kinds == {NO} else ""
    if YES in kinds or list(said) == [FINE]:
        return YES
    return YES if DOWN in kinds and NOT not in rest[: rest.index(DOWN)] else ""


def numerals(
    speech: str, digits: Mapping[tuple[str, ...], str], repeats: Mapping[str, int], beside: Container[str] = ()
) -> str:
    """The digits in what was said, in order, after the plus sign if there was one; empty where there are none.

    `digits` are words for them, and for numbers of several ("fifty-five"), of which the longest counts; a single one
    among other words is none ("two of them"). `repeats` say the next digit more than once ("double four"). Words that
    are `beside` change nothing. With any other word, nothing was understood: it may have been a digit.
    """
    words = re.findall(r"\+|[^\W_]+", re.sub(r"['’ʼ]", "", speech.casefold()))
    longest = max(map(len, digits), default=1)
    found, times, place = "", 1, 0
    while place < len(words):
        word = words[place]
        taken = next((n for n in range(longest, 0, -1) if tuple(words[place : place + n]) in digits), 0)
        digit = digits[tuple(words[place : place + taken])] if taken else word if FIGURES.fullmatch(word) else ""
        if not (digit or word in repeats or word in beside):
            return ""
        found += digit[:1] * times + digit[1:]
        times = repeats.get(word, 1) if not digit else 1
        place += taken or 1
    before, plus, after = found.partition(PLUS)
    return plus + after.replace(PLUS, "") if plus else before
