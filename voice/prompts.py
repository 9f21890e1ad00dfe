"""What the line says, by language: data in `voice/prompts/*.toml`."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template

FALLBACK = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """One language: Twilio's language tag for speech, and the sentences by name."""

    tag: str
    words: dict[str, str]

    def say(self, name: str, **values: str) -> str:
        """A sentence with its values put in; they are text, never markup."""
        return Template(self.words[name]).safe_substitute(values)


@cache
def load(language: str) -> Prompts:
    """The prompts of a language, English where there are none."""
    found = resources.files("voice") / "prompts" / f"{language}.toml"
    if not found.is_file():
        return load(FALLBACK)
    words = tomllib.loads(found.read_text(encoding="utf-8"))
    return Prompts(tag=words.pop("tag"), words=words)


def languages() -> tuple[str, ...]:
    """The languages the line speaks."""
    folder = resources.files("voice") / "prompts"
    return tuple(sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml")))
