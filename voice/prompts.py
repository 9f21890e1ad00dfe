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

FALLBACK = "en"
LONGEST = 600
"""Characters of a sentence: more than forty seconds are not listened to."""
LANGUAGE = re.compile(r"[a-z]{2,3}")
FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "tag": (re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?-[A-Z]{2}"), "de-DE"),
    "voice": (re.compile(r"[A-Za-z][A-Za-z0-9.-]{1,59}"), "Polly.Vicki"),
}
LISTS = ("yes", "no", "count")
NAMES = {*FORMS, *LISTS, "transcribed", "say"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """One language: Twilio's language tag for speech, and the sentences by name.

    `transcribed` says whether Twilio makes transcripts in it; `yes` and `no` are words a caller may say for 1 and 2,
    `count` the words for 1, 2 and 3. `voice` is who speaks (`Polly.Vicki`), empty for Twilio's own choice:
    https://www.twilio.com/docs/voice/twiml/say/text-speech#available-voices-and-languages
    """

    tag: str
    transcribed: bool
    yes: tuple[str, ...]
    no: tuple[str, ...]
    words: dict[str, str]
    count: tuple[str, ...] = ()
    voice: str = ""

    def say(self, name: str, **values: str) -> str:
        """A sentence with its values put in; they are text, never markup."""
        return Template(self.words[name]).safe_substitute(values)

    def key_of(self, speech: str) -> str:
        """The key a spoken yes (1), no (2) or number (1 to 3) stands for; nothing if it is none, or several."""
        counted = self.counted(speech)
        if counted:
            return counted
        said = _words(speech)
        yes, no = bool(said & set(self.yes)), bool(said & set(self.no))
        return "" if yes == no else ("1" if yes else "2")

    def counted(self, speech: str) -> str:
        """The key whose number is all that was said, in a word or as a digit, or nothing."""
        said = _words(speech)
        keys = {word: str(key) for key, word in enumerate(self.count, 1)} | {each: each for each in "123"}
        return keys.get(said.pop(), "") if len(said) == 1 else ""


@cache
def load(language: str, folder: Path | None = None) -> Prompts:
    """The prompts of a language, English where there are none; what `folder` has of its own stands in their place."""
    ours = shipped(language)
    own = _read(folder / f"{language}.toml") if folder is not None and (folder / f"{language}.toml").is_file() else {}
    if not ours and not own:
        return load(FALLBACK, folder)
    read = {**ours, **own, "say": {**ours.get("say", {}), **own.get("say", {})}}
    return Prompts(
        tag=read["tag"],
        transcribed=read.get("transcribed", False),
        yes=tuple(read["yes"]),
        no=tuple(read["no"]),
        count=tuple(read.get("count", ())),
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


def _words(speech: str) -> set[str]:
    return set(re.findall(r"[\w']+", speech.casefold().replace("’", "'")))


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
        if name in own and not _is_words(own[name]):
            yield f"{name} is a list of single words in small letters"
    if not isinstance(own.get("transcribed", False), bool):
        yield "transcribed is true or false"


def _is_words(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(word, str) and word == word.casefold() and re.fullmatch(r"[\w']+", word) for word in value)
    )


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
