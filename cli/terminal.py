"""How the command line speaks: one console, progress from the log, JSON where a script asked for it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.status import Status

console = Console()
errors = Console(stderr=True)


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


class _Progress(logging.Handler):
    """Stage announcements → a spinner with what is being done, then a line with what it took."""

    def __init__(self, status: Status) -> None:
        super().__init__(logging.INFO)
        self.status = status

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.levelno >= logging.WARNING:
            errors.print(message, style="yellow", highlight=False)
        elif message.endswith("…"):
            self.status.update(message)
        else:
            errors.print(f"  {message}", style="dim", highlight=False)


@contextmanager
def progress(doing: str) -> Iterator[logging.Logger]:
    """Show every stage that the project logs while the block runs; on stderr, so that stdout stays for results."""
    log = logging.getLogger("learnback")
    level = log.level
    with errors.status(doing) as status:
        handler = _Progress(status)
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        try:
            yield log
        finally:
            log.removeHandler(handler)
            log.setLevel(level)
