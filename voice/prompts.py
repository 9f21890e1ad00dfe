"""What the line says, by language: data in `voice/prompts/*.toml`, and what an operator puts in their place."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from voice import phrases

FALLBACK = "en"
UNSPEAKABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Signs that no XML document may hold, even escaped (XML 1.0 §2.2): Twilio would end the call."""
PARTING = re.compile(r"\s*[—·•|→]\s*|\s+[–-]\s+")
"""What parts words in writing; a hyphen or a short dash only with blanks about it."""
LONGEST = 600
"""Characters of a sentence: more than forty seconds are not listened to."""
LANGUAGE = re.compile(r"[a-z]{2,3}")
FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "tag": (re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?-[A-Z]{2}"), "de-DE"),
    "voice": (re.compile(r"[A-Za-z][A-Za-z0-9.-]{1,59}"), "Polly.Vicki"),
}
LISTS = (*phrases.MEANINGS, "count", "plus", "twice", "thrice", "filler")
"""Lists of words that a caller may say; a new language needs `yes` and `no`, and understands keys without the rest."""
SINGLE = frozenset({"count", "plus", "twice", "thrice", "filler"})
DIGITS, NUMBERS, MOST_WORDS = 10, 90, phrases.LONGEST
NAMES = {*FORMS, *LISTS, "digits", "numbers", "transcribed", "say"}
HARMLESS = (phrases.BESIDE, phrases.YES, phrases.FINE, "filler")
"""Lists whose phrases say nothing of a number that is said with them."""
KEYS = {phrases.YES: "1", phrases.NO: "2", phrases.PERSON: "0", phrases.REPEAT: "*"}
"""The keys that an answer in words stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """One language: Twilio's language tag for speech, and the sentences by name.

    `transcribed` says whether Twilio makes transcripts in it; `lists` are words a caller may say, by what they mean, of
    which `count` are those for 1, 2 and 3, and `filler` those that may stand beside a number. `digits` are the words
    for 0 to 99 and what they stand for. `voice` is who speaks (`Polly.Vicki`), empty for Twilio's own choice:
    https://www.twilio.com/docs/voice/twiml/say/text-speech#available-voices-and-languages
    """

    tag: str
    transcribed: bool
    words: dict[str, str]
    lists: Mapping[str, tuple[str, ...]]
    phrases: phrases.Phrases
    digits: Mapping[tuple[str, ...], str]
    voice: str = ""

    def say(self, name: str, **values: str) -> str:
        """A sentence with its values put in; they are text, never markup, and have no sign that XML cannot hold.

        Dashes and dots that part words on paper are commas: a pause, where a voice would read nothing or their name.
        """
        plain = {key: PARTING.sub(", ", UNSPEAKABLE.sub(" ", value)) for key, value in values.items()}
        return Template(self.words[name]).safe_substitute(plain)

    def key_of(self, speech: str) -> str:
        """The key an answer in words stands for: yes (1), no (2), a number (1 to 3), a person (0), repeat (*)."""
        return self.counted(speech) or KEYS.get(phrases.meant(self.found(speech)), "")

    def counted(self, speech: str) -> str:
        """The key whose number is all that was said, in a word or as a digit, or nothing."""
        keys = {_plain(word): str(key) for key, word in enumerate(self.lists["count"], 1)} | {
            each: each for each in "123"
        }
        words = phrases.words_of(speech)
        said = [word for word in words if word in keys or self.phrases.get((word,)) != phrases.BESIDE]
        return keys.get(said[0], "") if len(said) == 1 else ""

    def found(self, speech: str) -> tuple[str, ...]:
        """What each phrase in an answer means."""
        return phrases.found(speech, self.phrases)

    def numerals(self, speech: str) -> str:
        """The digits in what was said, after a plus sign if there was one."""
        repeats = dict.fromkeys(map(_plain, self.lists["twice"]), 2) | dict.fromkeys(
            map(_plain, self.lists["thrice"]), 3
        )
        signs = dict.fromkeys(map(phrases.words_of, self.lists["plus"]), phrases.PLUS)
        beside = {phrases.words_of(phrase) for name in HARMLESS for phrase in self.lists[name]}
        denials = set(map(phrases.words_of, self.lists[phrases.NO]))
        return phrases.numerals(speech, {**self.digits, **signs}, repeats, beside, denials)


@cache
def load(language: str, folder: Path | None = None) -> Prompts:
    """The prompts of a language, English where there are none; what `folder` has of its own stands in their place."""
    ours = shipped(language)
    own = _read(folder / f"{language}.toml") if folder is not None and (folder / f"{language}.toml").is_file() else {}
    if not ours and not own:
        return load(FALLBACK, folder)
    read = {**ours, **own, "say": {**ours.get("say", {}), **own.get("say", {})}}
    lists = {name: tuple(read.get(name, ())) for name in LISTS}
    return Prompts(
        tag=read["tag"],
        transcribed=read.get("transcribed", False),
        lists=lists,
        phrases=phrases.phrases(lists),
        digits={
            phrases.words_of(said): str(number)
            for name, first in (("digits", 0), ("numbers", DIGITS))
            for number, each in enumerate(read.get(name, ()), first)
            for said in each
        },
        voice=read.get("voice", ""),
        words=read["say"],
    )


def languages() -> tuple[str, ...]:
    """The languages the line speaks."""
    folder = resources.files("voice") / "prompts"
    return tuple(sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml")))


def shipped(language: str) -> dict[str, Any]:
    """What we have of a language, as its file says it; empty where there is none."""
    found = resources.files("voice") / "prompts" / f"{language}.toml"
    return tomllib.loads(found.read_text(encoding="utf-8")) if found.is_file() else {}


def check_folder(folder: Path) -> list[str]:
    """Every mistake in a folder of TOML files named by language; empty where all can be spoken."""
    if not folder.is_dir():
        return [f"{folder}: there is no such folder"]
    found = sorted(folder.glob("*.toml"))
    return [f"{path.name}: {mistake}" for path in found for mistake in _mistakes(path)]


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _plain(word: str) -> str:
    """A single word as it is compared."""
    return "".join(phrases.words_of(word))


def _mistakes(path: Path) -> Iterator[str]:
    if not LANGUAGE.fullmatch(path.stem):
        yield "the name is that of a language, like de.toml"
        return
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        yield f"no TOML: {error}"
        return
    yield from (f"nothing is called {name!r}" for name in sorted(own.keys() - NAMES))
    yield from _about(own)
    yield from _sentences(own.get("say", {}))
    if not shipped(path.stem):
        yield from _missing(own)


def _about(own: Mapping[str, Any]) -> Iterator[str]:
    for name, (form, example) in FORMS.items():
        if name in own and not (isinstance(own[name], str) and form.fullmatch(own[name])):
            yield f"{name} is written like {example}"
    for name in LISTS:
        if name in own and not _is_words(own[name], most=1 if name in SINGLE else MOST_WORDS):
            yield f"{name} is a list of {'single words' if name in SINGLE else 'phrases'} in small letters"
    if "digits" in own and not _are_numbers(own["digits"], count=DIGITS, most=1):
        yield "digits are ten lists of single words in small letters, from 0 to 9"
    if "numbers" in own and not _are_numbers(own["numbers"], count=NUMBERS, most=MOST_WORDS):
        yield "numbers are ninety lists of phrases in small letters, from 10 to 99"
    if not isinstance(own.get("transcribed", False), bool):
        yield "transcribed is true or false"


def _is_words(value: Any, *, most: int) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_phrase(each, most) for each in value)


def _is_phrase(value: Any, most: int) -> bool:
    """Whether these are words as a caller would say them; commas would part what Twilio is told to expect."""
    return (
        isinstance(value, str)
        and value == value.lower()
        and re.fullmatch(r"[\w'’ -]+", value) is not None
        and 0 < len(phrases.words_of(value)) <= most
    )


def _are_numbers(value: Any, *, count: int, most: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(_is_words(each, most=most) for each in value)


def _sentences(say: Any) -> Iterator[str]:
    if not isinstance(say, dict):
        yield "say is a table of sentences"
        return
    english = shipped(FALLBACK)["say"]
    for name, sentence in say.items():
        if name not in english:
            yield f"no sentence is called {name!r}"
        elif not isinstance(sentence, str) or not sentence.strip():
            yield f"{name} says nothing"
        else:
            yield from (f"{name}: {mistake}" for mistake in _wrong(sentence, english[name]))


def _wrong(sentence: str, ours: str) -> Iterator[str]:
    if sign := UNSPEAKABLE.search(sentence):
        yield f"holds a sign that cannot be spoken (U+{ord(sign[0]):04X})"
    if len(sentence) > LONGEST:
        yield f"longer than {LONGEST} characters"
    if not Template(sentence).is_valid():
        yield "a dollar sign stands before a name only; $$ is one that is spoken"
        return
    named, wanted = set(Template(sentence).get_identifiers()), set(Template(ours).get_identifiers())
    yield from (f"${name} is missing" for name in sorted(wanted - named))
    yield from (f"there is no ${name}" for name in sorted(named - wanted))


def _missing(own: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"we have no such language: it needs {name}" for name in ("tag", "yes", "no") if name not in own)
    say = own.get("say", {})
    english = shipped(FALLBACK)["say"]
    lacking = sorted(english.keys() - set(say if isinstance(say, dict) else ()))
    if lacking:
        yield f"we have no such language, and sentences are missing: {', '.join(lacking)}"
