"""How the command line speaks: one console, progress from the log, JSON where a script asked for it."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

SCREENS = {"DISPLAY", "WAYLAND_DISPLAY"}
"""Without one of these variables, opening a page elsewhere only makes its helpers complain."""

PIPED_WIDTH = 120
"""Columns where stdout is no terminal: files and pipes have room."""


def _width(stream: TextIO) -> int | None:
    """None: as wide as the terminal is, or as COLUMNS says."""
    return None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH


# Without markup: names and titles are customers' words, and brackets in them are no style.
console = Console(width=_width(sys.stdout), markup=False, highlight=False)
errors = Console(stderr=True, width=_width(sys.stderr), markup=False, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document on stdout: what `--json` promises to a script."""
    sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=False, indent=2) + "\n")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (UUID, Path)):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


class _Announcements(logging.Handler):
    """What is being done → a spinner that counts its seconds; what was done → a line with what it took.

    An announcement that begins like the one before it tells how far the same work is, and the seconds run on.
    """

    def __init__(self, shown: Progress, doing: str) -> None:
        super().__init__(logging.INFO)
        self.shown, self.doing = shown, doing
        self.line = shown.add_task(doing)

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.levelno >= logging.WARNING:
            errors.print(f"  {message}", style="yellow", highlight=False, markup=False)
        elif not message.endswith("…"):
            errors.print(f"  {message}", style="dim", highlight=False, markup=False)
        elif _subject(message) == _subject(self.doing):
            self.shown.update(self.line, description=message)
        else:
            self.doing = message
            self.shown.reset(self.line, description=message)


def _subject(message: str) -> str:
    """`Loading touches: 20,000 rows …` → `Loading touches`."""
    return message.removesuffix(" …").partition(":")[0]


@contextmanager
def progress(doing: str) -> Iterator[logging.Logger]:
    """Show every stage that the project logs while the block runs; on stderr, so that stdout stays for results."""
    log = logging.getLogger("learnback")
    level = log.level
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    shown = Progress(*columns, console=errors, transient=True)
    with shown if errors.is_terminal else nullcontext():
        handler = _Announcements(shown, doing)
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        try:
            yield log
        finally:
            log.removeHandler(handler)
            log.setLevel(level)


def open_page(page: Path) -> None:
    """Say where a page lies, and open it where there is a screen to open it on."""
    console.print(f"{page}", highlight=False, soft_wrap=True)
    if sys.platform in ("darwin", "win32") or SCREENS & os.environ.keys():
        typer.launch(page.as_uri())
