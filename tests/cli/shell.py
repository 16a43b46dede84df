"""`learnback …` as a person types it: in this process where that is enough, in one of its own where start-up counts."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

from cli.main import main

ROOT = Path(__file__).parent.parent.parent
PATIENCE_SECONDS = 180  # of a whole `learn` in a process of its own while other tests have the cores


@dataclass(frozen=True, slots=True)
class Said:
    """What a command left: exit code, results (stdout), and everything else that it said (stderr)."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it said on stderr besides the indented lines of progress."""
        return [line for line in self.err.splitlines() if not line.startswith("  ")]


@dataclass(frozen=True)
class Shell:
    """A folder to type in, and the variables that are set there; those of the test run itself are not seen."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def having(self, **variables: str | Path) -> Shell:
        """The same with more variables, named without LEARNBACK_ unless they are Prefect's."""
        named = {name if name.startswith("PREFECT_") else f"LEARNBACK_{name}": str(v) for name, v in variables.items()}
        return replace(self, variables={**self.variables, **named})

    def __call__(self, *arguments: str) -> Said:
        """Run `learnback` with these arguments in this process."""
        out, err = io.StringIO(), io.StringIO()
        with (
            self._entered(),
            mock.patch.object(sys, "argv", ["learnback", *arguments]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = _exit_code()
        return Said(code, out.getvalue(), err.getvalue())

    def apart(self, *arguments: str) -> Said:
        """Run it in a process of its own, with all that it says while it starts and ends."""
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            cwd=self.folder,
            env={**self._environ(), "PYTHONPATH": str(ROOT)},
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def _environ(self) -> dict[str, str]:
        kept = {name: v for name, v in os.environ.items() if not name.startswith(("LEARNBACK_", "PREFECT_"))}
        return {**kept, "LEARNBACK_HOME": str(self.folder / "home"), **self.variables}

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        with mock.patch.dict(os.environ, self._environ(), clear=True), contextlib.chdir(self.folder):
            yield


def _exit_code() -> int:
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0
