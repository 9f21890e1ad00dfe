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
LONGEST = 8
"""Words of a phrase, at most."""

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
    down") has said neither, and so has whoever says that production works beside it. That something is fine says
    nothing ("no problem"): it may be the question that is.
    """
    rest = [each for each in said if each != BESIDE]
    kinds = set(rest)
    if ELSEWHERE in kinds and NOT in rest[: rest.index(ELSEWHERE)]:
        return ""
    if UNSURE in kinds or (ELSEWHERE in kinds and not _is_live_meant(rest)):
        return UNSURE
    if NO in kinds:
        return NO if kinds == {NO} else ""
    if YES in kinds:
        return YES
    return YES if DOWN in kinds and NOT not in rest[: rest.index(DOWN)] else ""


def _is_live_meant(said: Sequence[str]) -> bool:
    """Whether an answer speaks of production, and what is said of it next is not that it works.

    "Production and staging are down" speaks of both; "production works, staging is down" says of each what it is.
    """
    if LIVE not in said:
        return False
    state = next((each for each in said[said.index(LIVE) :] if each in {DOWN, FINE, NOT}), "")
    return state not in {FINE, NOT}


def numerals(
    speech: str,
    digits: Mapping[tuple[str, ...], str],
    repeats: Mapping[str, int],
    beside: Container[tuple[str, ...]] = (),
    denials: Container[tuple[str, ...]] = (),
) -> str:
    """The digits in what was said, in order, after the plus sign if there was one; empty where there are none.

    `digits` are words for them, and for numbers of several ("fifty-five"), of which the longest counts; a single one
    among other words is none ("two of them"). `repeats` say the next digit more than once ("double four"). Phrases that
    are `beside` change nothing, and so do `denials` before the first digit; after it they correct what was said. With
    any other word, nothing was understood: it may have been a digit.
    """
    words = re.findall(r"\+|[^\W_]+", re.sub(r"['’ʼ]", "", speech.casefold()))
    found, times, place = "", 1, 0
    while place < len(words):
        word = words[place]
        taken = _longest(words[place:], digits)
        digit = digits[tuple(words[place : place + taken])] if taken else word if FIGURES.fullmatch(word) else ""
        if digit:
            found, times = found + digit[:1] * times + digit[1:], 1
        elif word in repeats:
            times = repeats[word]
        else:
            taken = _longest(words[place:], beside) or (0 if found else _longest(words[place:], denials))
            if not taken:
                return ""
        place += taken or 1
    before, plus, after = found.partition(PLUS)
    return plus + after.replace(PLUS, "") if plus else before


def _longest(words: Sequence[str], known: Container[tuple[str, ...]]) -> int:
    """Of how many words the longest phrase is that an answer begins with."""
    return next((count for count in range(LONGEST, 0, -1) if tuple(words[:count]) in known), 0)
