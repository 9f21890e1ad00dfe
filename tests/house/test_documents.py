"""What exists is documented, and what is documented exists."""

import importlib
import re
from email import message_from_string
from pathlib import Path
from types import ModuleType

import pytest

from models.terms import JobKind, OutgoingState, Role
from switchboard import settings
from triage import policy

ADR_PARTS = ("## Context", "## Decision", "## Consequences", "## Alternatives", "## References")
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(#[^)\s]+)?\)")


@pytest.fixture(scope="module")
def documents(root: Path) -> dict[str, str]:
    """Every Markdown file by its path in the repository."""
    found = [*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("changes/*.md")]
    return {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in found}


def test_generated_tables_are_up_to_date(documents: dict[str, str], generate: ModuleType):
    """`make docs` would change nothing."""
    stale = [name for name, text in documents.items() if generate.rewritten(text) != text]
    assert not stale, "run: make docs"


def test_every_generated_table_is_in_a_document(documents: dict[str, str], generate: ModuleType):
    """Settings, commands, error codes, rules and facts each have their place."""
    placed = {found[2] for text in documents.values() for found in generate.BLOCK.finditer(text)}
    assert placed == set(generate.BLOCKS)


@pytest.mark.parametrize("name", sorted(settings.Settings.model_fields))
def test_every_setting_is_documented(documents: dict[str, str], name: str):
    """Its name stands in the table of settings, with a meaning."""
    assert re.search(rf"\| `{settings.PREFIX}{name.upper()}` \| .+ \| .{{10,}} \|", documents["docs/settings.md"])


@pytest.mark.parametrize("name", sorted(settings.Settings.model_fields))
def test_every_setting_does_something(root: Path, name: str):
    """A setting that no process reads would be a promise without a keeper."""
    readers = [path for path in root.glob("switchboard/**/*.py") if path.name != "settings.py"]
    assert any(re.search(rf"\.{name}\b", path.read_text(encoding="utf-8")) for path in readers)


def test_documents_name_only_settings_that_exist(documents: dict[str, str]):
    """A renamed setting leaves no trace in the text."""
    known = {settings.PREFIX + name.upper() for name in settings.Settings.model_fields} | {settings.SECRETS_DIR}
    known |= {"SWITCHBOARD_VERSION"}
    named = {found for text in documents.values() for found in re.findall(r"\bSWITCHBOARD_[A-Z_]*[A-Z]\b", text)}
    assert named <= known


def test_every_command_is_documented(documents: dict[str, str], generate: ModuleType):
    """Each has a heading of its own and says what it does."""
    for words, command in generate.every_command():
        assert command.help, words
        assert f"### `switchboard {words}" in documents["docs/cli.md"]


def test_documents_name_only_commands_that_exist(documents: dict[str, str], generate: ModuleType):
    """Every `switchboard …` written as code is a command, or the beginning of one."""
    known = {words for words, _ in generate.every_command()}
    known |= {words.split()[0] for words in known} | {""}
    for name, text in documents.items():
        for said in re.findall(r"`(?:\.venv/bin/)?switchboard((?: [a-z]+)*)", text):
            words = said.split()
            assert " ".join(words[:2]) in known or " ".join(words[:1]) in known, f"{name}: switchboard{said}"


def test_every_error_code_is_documented(documents: dict[str, str], generate: ModuleType, root: Path):
    """Codes of error classes, and those a guard gives when it refuses."""
    codes = {kind.code for kind in generate.every_error()}
    for path in root.glob("console/*.py"):
        codes |= set(re.findall(r'Refused\(\d+, "([a-z-]+)"', path.read_text(encoding="utf-8")))
    assert len(codes) > 5
    assert not {code for code in codes if f"`{code}`" not in documents["docs/api.md"]}


@pytest.mark.parametrize("kind", JobKind)
def test_every_kind_of_job_is_documented(documents: dict[str, str], kind: JobKind):
    """What is done later, and what happens if it cannot be done."""
    assert f"| `{kind.value}` |" in documents["docs/operations.md"]


def test_every_suppression_reason_is_documented(documents: dict[str, str]):
    """Each reason for silence is a row, and each row is a reason."""
    reasons = importlib.import_module("intake.replies.screening").REASONS
    told = re.findall(r"^\| `([a-z-]+)` \|", documents["docs/mail.md"], re.MULTILINE)
    assert sorted(told) == sorted(reasons)


@pytest.mark.parametrize("state", OutgoingState)
def test_every_state_of_a_reply_is_documented(documents: dict[str, str], state: OutgoingState):
    """Nobody needs the code to know what *uncertain* means."""
    assert f"*{state.value}*" in documents["docs/promises.md"]


@pytest.mark.parametrize("role", Role)
def test_every_role_is_documented(documents: dict[str, str], role: Role):
    """Who may do what."""
    assert f"*{role.value}*" in documents["docs/operations.md"]


def test_every_rule_of_every_policy_is_documented(documents: dict[str, str]):
    """With the clause it rests on."""
    for pack in policy.load_packs().values():
        for rule in pack.rules:
            assert f"| `{rule.id}` |" in documents["docs/policies.md"], f"{pack.id}: {rule.id}"
            assert rule.clause.replace("|", "\\|") in documents["docs/policies.md"]


def test_every_step_of_the_telephone_menu_is_documented(documents: dict[str, str]):
    """What a caller hears and may answer."""
    menu = importlib.import_module("voice.menu")
    told = re.findall(r"^\| `([a-z_]+)` \|", documents["docs/voice.md"], re.MULTILINE)
    assert sorted(told) == sorted(menu.STEPS)


def test_every_key_of_the_console_is_documented(documents: dict[str, str], root: Path):
    """The keys its own help names."""
    keys = re.findall(r"<kbd>(.+?)</kbd>", (root / "console/templates/keys.html").read_text(encoding="utf-8"))
    told = re.findall(r"^\| (.+?) \|", documents["docs/console.md"], re.MULTILINE)
    assert set(keys) == set(", ".join(told).split(", ")) - {"Key", "---"}


def test_every_metric_is_documented(documents: dict[str, str]):
    """What `/metrics` says is named where operators read."""
    for name, _, _ in importlib.import_module("switchboard.metrics").COUNTED:
        assert f"`{name}`" in documents["docs/operations.md"]


def test_the_line_to_try_reaches_a_fresh_installation(documents: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    """The README's mail goes to the default port and a default address, and is a mail."""
    sent: list[tuple[object, ...]] = []

    class Client:
        def __init__(self, *where: object) -> None:
            sent.append(where)

        def sendmail(self, sender: str, recipient: str, content: str) -> None:
            sent.append((sender, recipient, message_from_string(content)))

    monkeypatch.setattr("smtplib.SMTP", Client)
    line = re.search(r'^python3 -c "(.+)"$', documents["README.md"], re.MULTILINE)
    assert line is not None
    exec(line[1])  # noqa: S102 - our own README
    fresh = settings.Settings.model_fields
    where, (sender, recipient, mail) = sent
    assert where == ("127.0.0.1", fresh["smtp_port"].default)
    assert recipient in fresh["own_addresses"].default
    assert mail["From"] == sender
    assert mail["Subject"]
    assert mail.get_payload()


def test_links_between_documents_lead_somewhere(documents: dict[str, str], root: Path):
    """Every relative link names a file, every anchor a heading."""
    for name, text in documents.items():
        for target, anchor in LINK.findall(text):
            path = (root / name).parent / target if target else root / name
            assert path.exists(), f"{name}: {target}"
            if anchor and path.suffix == ".md":
                assert anchor[1:] in _anchors(path.read_text(encoding="utf-8")), f"{name}: {target}{anchor}"


def test_every_document_is_reached_from_the_index(documents: dict[str, str]):
    """No page is an island."""
    linked = {found[0] for found in LINK.findall(documents["docs/index.md"])}
    pages = {name.removeprefix("docs/") for name in documents if name.startswith("docs/")} - {"index.md"}
    assert pages <= linked


def test_decision_records_have_their_parts(documents: dict[str, str]):
    """Context, decision, consequences, alternatives, references; numbered without a gap; a page at most."""
    records = sorted(name for name in documents if re.match(r"docs/adr/\d{4}-", name))
    assert [int(name.split("/")[-1][:4]) for name in records] == list(range(1, len(records) + 1))
    assert len(records) >= 5
    for name in records:
        assert [part for part in ADR_PARTS if part not in documents[name]] == [], name
        assert len(documents[name].split()) < 700, name


def test_every_fragment_reaches_the_changelog(run, root: Path):
    """A fragment of a kind nobody knows would be left out in silence."""
    fragments = [path for path in (root / "changes").iterdir() if not path.name.startswith(".")]
    assert not [path.name for path in fragments if not re.fullmatch(r"[a-z0-9-]+\.(feature|fix|change)\.md", path.name)]
    said = " ".join(run("towncrier", "build", "--draft", "--version", "next").stdout.split())
    assert not [path.name for path in fragments if " ".join(path.read_text(encoding="utf-8").split()) not in said]


def _anchors(text: str) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
