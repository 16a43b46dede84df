"""Imports run downward only, and each outside thing is known to one folder."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.house import (
    EVERYTHING,
    MAY_IMPORT,
    ROOT,
    WITHOUT_CODE,
    Module,
    folders,
    modules,
    modules_of,
    production,
)

DATABASE = ("sqlalchemy", "psycopg", "psycopg_pool", "adbc_driver_postgresql", "adbc_driver_manager", "alembic")
HANDLES = {"sqlalchemy.Engine", "sqlalchemy.Connection"}
"""What may be passed along outside store/, which alone executes anything on it."""

ASKS_DUCKDB = ("cli/lake.py", "tasks/importing/")
"""Besides the store: `learnback sql` runs the user's query, and the importer reads the user's file."""

OUTSIDE = (
    *DATABASE, "duckdb", "prefect", "great_expectations", "anthropic", "requests", "httpx", "urllib", "socket",
    "http", "subprocess", "asyncio", "fastapi", "pydantic_settings", "dotenv", "os", "time", "random", "secrets",
)  # fmt: skip

CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "perf_counter", "monotonic"}


def _starts(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def test_every_folder_is_in_the_table_of_imports() -> None:
    assert folders() <= set(MAY_IMPORT) | WITHOUT_CODE, "a new top-level folder needs a place in the house"


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_imports_run_downward_only(package: str) -> None:
    allowed = MAY_IMPORT[package]
    if allowed == EVERYTHING:
        return
    assert isinstance(allowed, frozenset)
    ours = set(MAY_IMPORT)
    wrong = [
        f"{module} imports {name}"
        for module in modules_of(package)
        for name in module.imports()
        if (origin := name.split(".")[0]) in ours and origin != package and origin not in allowed
    ]
    assert wrong == []


def test_nobody_imports_tests() -> None:
    wrong = [f"{module}" for module in production() for name in module.imports() if name.split(".")[0] == "tests"]
    assert wrong == []


def test_documented_table_is_the_tested_one() -> None:
    text = (ROOT / "docs/reference/architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z.]+)` \| ([^|]*) \|", text, flags=re.M)
    documented = {
        name.removesuffix(".py"): EVERYTHING if "anything" in cell else frozenset(re.findall(r"`([a-z]+)`", cell))
        for name, cell in rows
    }
    assert documented == MAY_IMPORT


def test_only_the_store_speaks_sql() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in production()
        if module.package not in {"store", "migrations"}
        for name in module.imports()
        if _starts(name, DATABASE) and name not in HANDLES
    ]
    assert wrong == []


def test_duckdb_answers_users_and_reads_their_files_only() -> None:
    wrong = [
        str(module)
        for module in production()
        if module.package != "store" and not str(module).startswith(ASKS_DUCKDB)
        for name in module.imports()
        if _starts(name, ("duckdb",))
    ]
    assert wrong == []


def test_only_the_client_of_agents_calls_claude() -> None:
    wrong = [
        str(module)
        for module in modules()
        if str(module) != "agents/client.py"
        for name in module.imports()
        if _starts(name, ("anthropic",))
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ["contracts", "algorithms", "engines", "simulation", "reports", "schedules"])
def test_pure_folders_know_no_outside(package: str) -> None:
    wrong = [
        f"{module} imports {name}"
        for module in modules_of(package)
        for name in module.imports()
        if _starts(name, OUTSIDE)
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ["contracts", "algorithms", "engines", "simulation", "reports"])
def test_pure_folders_read_no_clock(package: str) -> None:
    wrong = [
        f"{module}:{node.lineno} calls {node.func.attr}()"
        for module in modules_of(package)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
        if isinstance(node.func.value, (ast.Name, ast.Attribute)) and _is_clock(node.func.value)
    ]
    assert wrong == []


def _is_clock(owner: ast.expr) -> bool:
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return name in {"datetime", "date", "time", "Timestamp"}


@pytest.mark.parametrize("package", ["algorithms", "engines", "simulation"])
def test_chance_is_always_seeded(package: str) -> None:
    """`default_rng()` without a seed, and NumPy's global generator, give other bytes on every run."""
    wrong = [
        f"{module}:{node.lineno}"
        for module in modules_of(package)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _unseeded(node)
    ]
    assert wrong == []


def _unseeded(call: ast.Call) -> bool:
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr == "default_rng":
        return not call.args and not call.keywords
    owner = call.func.value
    generators = {"Generator", "SeedSequence", "PCG64", "Philox", "SFC64"}
    return isinstance(owner, ast.Attribute) and owner.attr == "random" and call.func.attr not in generators


def test_engines_neither_learn_nor_ask() -> None:
    learners = {f"algorithms.{module.path.stem}" for module in modules_of("algorithms") if _learns(module)}
    forbidden = ("sklearn", "scipy.optimize", "anthropic", "algorithms.registry", *sorted(learners))
    assert learners, "no learner was found: this test has lost its subject"
    wrong = [
        f"{module} imports {name}"
        for module in modules_of("engines")
        for name in module.imports()
        if _starts(name, forbidden)
    ]
    assert wrong == []


def _learns(module: Module) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == "learn" for node in module.tree.body)


def test_store_and_contracts_name_no_learner() -> None:
    """Adding a learner touches its own files and the registry; tasks and store iterate."""
    learners = tuple(f"algorithms.{module.path.stem}" for module in modules_of("algorithms") if _learns(module))
    wrong = [
        f"{module} imports {name}"
        for module in modules_of("tasks", "store", "flows")
        for name in module.imports()
        if _starts(name, learners)
    ]
    assert wrong == []
