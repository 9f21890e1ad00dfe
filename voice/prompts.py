"""What the line says, by language: data in `voice/prompts/*.toml`."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template

FALLBACK = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """One language: Twilio's language tag for speech, and the sentences by name.

    `transcribed` says whether Twilio makes transcripts in it; `yes` and `no` are words a caller may say for 1 and 2.
    """

    tag: str
    transcribed: bool
    yes: tuple[str, ...]
    no: tuple[str, ...]
    words: dict[str, str]

    def say(self, name: str, **values: str) -> str:
        """A sentence with its values put in; they are text, never markup."""
        return Template(self.words[name]).safe_substitute(values)

    def key_of(self, speech: str) -> str:
        """The key a spoken yes (1) or no (2) stands for; nothing if it is neither, or both."""
        said = set(re.findall(r"[\w']+", speech.casefold().replace("’", "'")))
        yes, no = bool(said & set(self.yes)), bool(said & set(self.no))
        return "" if yes == no else ("1" if yes else "2")


@cache
def load(language: str) -> Prompts:
    """The prompts of a language, English where there are none."""
    found = resources.files("voice") / "prompts" / f"{language}.toml"
    if not found.is_file():
        return load(FALLBACK)
    read = tomllib.loads(found.read_text(encoding="utf-8"))
    return Prompts(
        tag=read["tag"],
        transcribed=read["transcribed"],
        yes=tuple(read["yes"]),
        no=tuple(read["no"]),
        words=read["say"],
    )


def languages() -> tuple[str, ...]:
    """The languages the line speaks."""
    folder = resources.files("voice") / "prompts"
    return tuple(sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml")))
