"""Writes the generated tables of the documents from the code they describe: `make docs`."""  # noqa: INP001 - a script

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
import typer
from pydantic import SecretStr, TypeAdapter

from models.errors import SwitchboardError
from switchboard import cli, commands
from switchboard.settings import PREFIX, Settings
from triage import facts, policy

DOCS = Path(__file__).parent
ROOMS = ("models", "triage", "intake", "voice", "workers", "console", "switchboard")
OUR_FAULT = "A fault of ours. It is logged, and trying again may help."
BLOCK = re.compile(r"(<!-- begin: (\w+) .*?-->\n).*?(<!-- end: \2 -->)", re.DOTALL)


def table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def settings() -> str:
    """Every setting: name, default, meaning."""
    return table(("Setting", "Default", "Meaning"), _settings())


def _settings() -> Iterator[tuple[str, ...]]:
    for name, field in Settings.model_fields.items():
        secret = " *Secret.*" if "SecretStr" in str(field.annotation) else ""
        yield f"`{PREFIX}{name.upper()}`", _default(field.default), f"{field.description}{secret}"


def _default(value: Any) -> str:
    match value:
        case None | "" | ():
            return "empty"
        case SecretStr():
            return "set"
        case StrEnum():
            return f"`{value.value}`"
        case tuple():
            return f"`{','.join(value)}`"
        case timedelta():
            return f"`{TypeAdapter(timedelta).dump_python(value, mode='json')}`"  # ISO 8601, as it may be set
    return f"`{value}`"


def command_line() -> str:
    """Every command with its arguments and options."""
    return "\n\n".join(_command(names, command) for names, command in every_command())


def every_command() -> list[tuple[str, click.Command]]:
    """The commands by their words, groups opened: ("user add", …)."""
    app = typer.Typer()
    app.registered_commands = list(cli.app.registered_commands)
    commands.register(app)
    return list(_opened("", typer.main.get_command(app)))


def _opened(words: str, command: Any) -> Iterator[tuple[str, click.Command]]:
    # Typer brings click's classes under its own names: a group is what has commands.
    if not hasattr(command, "commands"):
        yield words, command
        return
    for name, inner in command.commands.items():
        yield from _opened(f"{words} {name}".strip(), inner)


def _command(words: str, command: click.Command) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    shown = " ".join([words, *(f"{each.name.upper()}{'…' if each.nargs == -1 else ''}" for each in arguments)])
    parts = [f"### `switchboard {shown}`", inspect.cleandoc(command.help or "")]
    rows = [f"- `{' '.join(each.opts)}`: {each.help}" for each in command.params if getattr(each, "help", None)]
    return "\n\n".join([*parts, "\n".join(rows)] if rows else parts)


def errors() -> str:
    """Every error code, whether trying again may help, and what it means."""
    return table(("Code", "Try again?", "Meaning"), _errors())


def _errors() -> Iterator[tuple[str, ...]]:
    for kind in sorted(every_error(), key=lambda each: each.code):
        meaning = OUR_FAULT if kind is SwitchboardError else (inspect.getdoc(kind) or "").splitlines()[0]
        yield f"`{kind.code}`", "yes" if kind.temporary else "no", meaning


def every_error() -> set[type[SwitchboardError]]:
    """Every error class of the house whose code is its own."""
    for room in ROOMS:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            if ".migrations" not in module.name:
                importlib.import_module(module.name)
    return {kind for kind in (SwitchboardError, *_below(SwitchboardError)) if "code" in vars(kind)}


def _below(kind: type[SwitchboardError]) -> Iterator[type[SwitchboardError]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from _below(inner)


def rules() -> str:
    """Every policy with its rules."""
    return "\n\n".join(_policy(pack) for pack in policy.load_packs().values())


def _policy(pack: policy.Policy) -> str:
    rows = ((f"`{rule.id}`", f"{rule.effect.move} {', '.join(rule.effect.to)}", rule.clause) for rule in pack.rules)
    return f"### {pack.name} (`{pack.id}`)\n\nSource: {pack.source}.\n\n" + table(("Rule", "Effect", "Clause"), rows)


def every_rule() -> str:
    """Every numbered sentence of the policies: what it says, its state, where it is done, what shows it."""
    heads = ("Id", "Says", "State", "Where", "Tests")
    return table(heads, ((*line[:4], "<br>".join(f"`{test}`" for test in line[4]) or "none") for line in numbered()))


def numbered() -> list[tuple[str, str, str, str, list[str]]]:
    """The lines of `every-rule.txt`; tests as `tests/file.py::name`."""
    found = []
    for line in (DOCS / "every-rule.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            number, says, state, where, shown = line.split("|")
            tests = [] if shown == "-" else shown.split(", ")
            found.append((number, says, state, where, [f"tests/{test.replace('::', '.py::')}" for test in tests]))
    return found


def vocabulary() -> str:
    """Every fact a rule may ask for, with its values."""
    rows = (
        (f"`{name}`", ", ".join(f"`{value}`" for value in sorted(facts.VOCABULARY[name]))) for name in facts.VOCABULARY
    )
    return table(("Fact", "Values"), rows)


BLOCKS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "commands": command_line,
    "errors": errors,
    "rules": rules,
    "facts": vocabulary,
    "coverage": every_rule,
}


def rewritten(text: str) -> str:
    """A document with every generated block as the code says now."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n\n{found[3]}", text)


def main() -> None:
    """Rewrite every document that has a generated block."""
    for path in sorted(DOCS.glob("*.md")):
        before = path.read_text(encoding="utf-8")
        after = rewritten(before)
        if after != before:
            path.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
