"""`learnback --help` answers at once: what is heavy is imported inside the command that needs it."""

from __future__ import annotations

import subprocess
import sys

from tests.architecture.house import ROOT

HEAVY = (
    "prefect", "great_expectations", "polars", "pandas", "numpy", "scipy", "sklearn", "pyarrow", "duckdb", "sqlalchemy",
    "psycopg", "altair", "vl_convert", "settings", "pydantic_settings",
)  # fmt: skip


def _loaded(statement: str) -> set[str]:
    """Top-level modules in memory after a statement in a fresh interpreter."""
    program = f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_command_line_imports_nothing_heavy() -> None:
    assert sorted(_loaded("import cli.main") & set(HEAVY)) == []


def test_terminal_tables_need_no_charts() -> None:
    assert sorted(_loaded("from reports import terminal") & {"altair", "vl_convert", "jinja2", "pandas"}) == []


def test_algorithms_never_load_prefect_or_a_database() -> None:
    loaded = _loaded("import algorithms.registry, engines.who")
    assert sorted(loaded & {"prefect", "sqlalchemy", "psycopg", "duckdb", "great_expectations"}) == []
