"""What a user may meet is written down, and what is written down exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from contracts.defects import CATALOGUE
from contracts.outcomes import COMPONENTS, EXTRACTS
from contracts.refusal import Reason
from reports import words
from settings import Settings
from tests.architecture.house import ROOT
from tests.architecture.reference import PAGES

WORDS_OF_THE_HOUSE = {
    "tenant", "lead", "contact", "end user", "people", "touch", "outcome", "resolved", "extract", "lake", "slice",
    "summary", "finding", "verdict", "pattern", "head", "evidence", "incumbent", "prior", "refusal", "quarantine",
    "valid until",
}  # fmt: skip

DOCS = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_written_from_the_code_are_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path](), "run: python -m tests.architecture.reference"


def test_every_setting_is_documented() -> None:
    text = _text("docs/reference/settings.md")
    assert [name for name in Settings.model_fields if f"`LEARNBACK_{name.upper()}`" not in text] == []


def test_every_column_is_documented() -> None:
    text = _text("docs/reference/extracts.md")
    columns = {column.name for extract in EXTRACTS.values() for column in extract.columns}
    assert [name for name in sorted(columns) if f"`{name}`" not in text] == []


def test_every_reason_is_documented_in_the_words_of_the_reports() -> None:
    text = _text("docs/reference/reasons.md")
    assert [code for code in Reason if f"| `{code}` | {words.REASONS[code]} |" not in text] == []


def test_every_defect_is_documented() -> None:
    text = _text("docs/reference/defects.md")
    assert [code for code in CATALOGUE if f"`{code}`" not in text] == []
    assert len(CATALOGUE) == 25


def test_the_glossary_has_every_word_of_the_house() -> None:
    entries = re.findall(r"^\*\*(.+?)\*\* –", _text("docs/glossary.md"), flags=re.M)
    assert sorted(WORDS_OF_THE_HOUSE - set(entries)) == []
    assert entries == sorted(entries, key=str.lower), "in alphabetical order"
    assert len(entries) == len(set(entries))


def test_the_specification_map_names_the_components() -> None:
    text = _text("docs/reference/specification-map.md")
    assert all(words.plain(name) in text for name in COMPONENTS)


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!#)([^)\s]+)\)", path.read_text(encoding="utf-8"))
    local = [target.split("#")[0] for target in targets if not target.startswith("http")]
    assert [target for target in local if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_named_in_pages_exist(path: Path) -> None:
    named = re.findall(r"`((?:[a-z]+/)+[a-z_]+\.(?:py|md|sql|toml|yaml))`", path.read_text(encoding="utf-8"))
    users_own = {"my-extracts"}
    assert [name for name in named if name.split("/")[0] not in users_own and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_in_pages_exist(path: Path) -> None:
    """Every `learnback …` that a page shows is a command, and each option that it is shown with is one of its own."""
    known = _commands()
    for line in _shown(path.read_text(encoding="utf-8")):
        tokens = line.split()
        grouped = tokens[0] in {"patterns", "design"} and len(tokens) > 1
        name = " ".join(tokens[:2]) if grouped else tokens[0]
        if name.startswith(("-", "COMMAND", "…")):
            continue
        assert name in known, f"learnback {line}"
        options = {token.split("=")[0] for token in tokens if token.startswith("-")}
        assert options <= known[name], f"learnback {line}"


def _shown(text: str) -> list[str]:
    """What stands behind `learnback` in code, without its comment and what follows it on the line."""
    code = re.findall(r"```[a-z]*\n(.*?)```", text, flags=re.S) + re.findall(r"`(learnback [^`\n]+)`", text)
    lines = [line for block in code for line in block.splitlines()]
    shown = [part for line in lines for part in re.findall(r"(?:^|[\s/])learnback (\S.*)", line.split("#")[0])]
    return [re.split(r"\s(?:&&|·|\|)\s", part)[0].strip() for part in shown]


def _commands() -> dict[str, set[str]]:
    from cli.main import app

    found: dict[str, set[str]] = {}

    def walk(group: Any, prefix: str) -> None:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                found[f"{prefix}{name}"] = {"--help"}
                walk(command, f"{prefix}{name} ")
            else:
                options = {opt for parameter in command.params for opt in (*parameter.opts, *parameter.secondary_opts)}
                found[f"{prefix}{name}"] = options | {"--help", "-h"}

    walk(typer.main.get_command(app), "")
    return found


def test_pages_are_plain() -> None:
    """No page sells: it says what is, and what to do."""
    selling = re.compile(
        r"\b(powerful|seamless\w*|blazing\w*|cutting.edge|effortless\w*|revolutionary|simply|easily)\b", re.I
    )
    wrong = [f"{path.name}: {word}" for path in DOCS for word in selling.findall(path.read_text(encoding="utf-8"))]
    assert wrong == []
