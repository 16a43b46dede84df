"""Pages that are written from the code, so that they stay true to it: `python -m tests.architecture.reference`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from contracts.outcomes import EXTRACTS, Column, Extract, Kind
from settings import Settings
from tests.architecture.house import ROOT

FOLDER = ROOT / "docs" / "reference"

NOTE = "<!-- Written from the code by `python -m tests.architecture.reference`. Change it there. -->"

POSTGRES: dict[Kind, str] = {
    "uuid": "uuid", "text": "text", "int": "integer", "float": "double precision", "bool": "boolean",
    "time": "timestamptz", "json": "jsonb",
}  # fmt: skip


def cli_page() -> str:
    """Every command with its arguments and options, as `--help` tells them."""
    from cli.main import app

    root: Any = typer.main.get_command(app)
    parts = [
        "# Commands",
        NOTE,
        "`learnback COMMAND --help` says the same in the terminal.",
        "Exit codes: 0 ok, 1 our bug, 2 something for you to mend, 3 some tenants quarantined.",
    ]
    for name, command in _commands(root, "learnback"):
        parts += [f"## `{name}`", _unwrapped(command.help or ""), *_parameters(command)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _commands(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def _unwrapped(text: str) -> str:
    """Paragraphs on one line each: how the terminal wraps them is no business of a page."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _parameters(command: Any) -> Iterator[str]:
    rows = []
    for parameter in command.params:
        if parameter.name == "help":
            continue
        argument = parameter.param_type_name == "argument"
        names = [(parameter.metavar or parameter.name).upper()] if argument else [*parameter.opts]
        names += [] if argument else [*parameter.secondary_opts]
        told = [(parameter.help or "").rstrip(".")]
        if parameter.required:
            told.append("required")
        elif parameter.default not in (None, False, (), []) and not parameter.secondary_opts:
            told.append(f"default: {parameter.default}")
        rows.append([", ".join(f"`{name}`" for name in names), "; ".join(part for part in told if part)])
    if rows:
        yield _table(["parameter", "meaning"], rows)


def settings_page() -> str:
    """Every setting with its variable, default and meaning."""
    rows = [
        [f"`LEARNBACK_{name.upper()}`", _default(field), _range(field), field.description or ""]
        for name, field in Settings.model_fields.items()
    ]
    return (
        "\n\n".join(
            [
                "# Settings",
                NOTE,
                "Read from the environment, or from a file `.env` in the folder where a command is run. "
                "`learnback doctor` prints each with its value and where it came from. An empty value counts as unset.",
                _table(["variable", "default", "takes", "meaning"], rows),
            ]
        )
        + "\n"
    )


def _default(field: FieldInfo) -> str:
    if field.default in (None, PydanticUndefined):
        return "unset"
    return f"`{field.default}`"


def _range(field: FieldInfo) -> str:
    low = next((item.ge for item in field.metadata if hasattr(item, "ge")), None)
    high = next((item.le for item in field.metadata if hasattr(item, "le")), None)
    if low is not None and high is not None:
        return f"{low} to {high}"
    if get_origin(field.annotation) is Literal:
        return " or ".join(f"`{word}`" for word in get_args(field.annotation))
    kinds = {"SecretStr": "text, kept out of every message", "Path": "path", "str": "text", "int": "whole number"}
    return next(word for kind, word in kinds.items() if kind in str(field.annotation))


def extracts_page() -> str:
    """Every column that the queries return."""
    parts = [
        "# Extracts",
        NOTE,
        "What the queries must return, whatever tables they read "
        "([how to use your own PostgreSQL](../how-to/own-postgres.md)). Optional columns and extracts may be "
        "left out. Times carry a zone.",
    ]
    for extract in EXTRACTS.values():
        parts += [
            f"## {extract.name}",
            _dated(extract),
            _table(["column", "type", "", "meaning"], map(_row, extract.columns)),
        ]
    return "\n\n".join(parts) + "\n"


def _dated(extract: Extract) -> str:
    what = {"touches": "touch", "message_tests": "variant of a randomised test"}.get(extract.name)
    need = " Optional." if extract.optional else ""
    return f"One row a {what or extract.name.removesuffix('s')}, dated by `{extract.dated_by}`.{need}"


def _row(column: Column) -> list[str]:
    need = "optional" if not column.required else "required, may be null" if column.nullable else "required"
    return [f"`{column.name}`", POSTGRES[column.kind], need, column.meaning]


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    return "\n".join(_line(cells) for cells in (head, ["---"] * len(head), *rows))


def _line(cells: list[str]) -> str:
    safe = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(safe)} |"


PAGES: dict[Path, Callable[[], str]] = {
    FOLDER / "cli.md": cli_page,
    FOLDER / "settings.md": settings_page,
    FOLDER / "extracts.md": extracts_page,
}


def main() -> None:
    """Write every page."""
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
