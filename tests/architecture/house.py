"""What the tests of the house look at: its folders, its Python files, and who imports what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

EVERYTHING = "*"

MAY_IMPORT: dict[str, frozenset[str] | str] = {
    "contracts": frozenset(),
    "algorithms": frozenset({"contracts"}),
    "simulation": frozenset({"contracts"}),
    "reports": frozenset({"contracts"}),
    "schedules": frozenset({"contracts"}),
    "engines": frozenset({"contracts", "algorithms"}),
    "settings": frozenset({"contracts"}),
    "store": frozenset({"contracts", "settings"}),
    "migrations": frozenset({"contracts", "settings", "store"}),
    "adapters": frozenset({"contracts", "settings"}),
    "agents": frozenset({"contracts", "engines", "settings"}),
    "tasks": frozenset({"contracts", "algorithms", "engines", "store", "agents", "adapters", "reports", "settings"}),
    "flows": frozenset({"tasks", "contracts", "settings"}),
    "api": frozenset({"engines", "store", "agents", "adapters", "contracts", "settings"}),
    "cli": EVERYTHING,
    "benchmarks": EVERYTHING,
    "tests": EVERYTHING,
}
"""Folder (or the one file settings.py) → what of ours it may import, besides itself."""

WITHOUT_CODE = {"docs"}

NOT_OURS = {"build", "dist", "gx", "node_modules"}
"""What tools leave behind; hidden folders are left out as well."""


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file of ours. package: its top-level folder, or its name for a file at the top."""

    path: Path
    package: str
    tree: ast.Module

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    def imports(self) -> Iterator[str]:
        """Dotted names of everything imported, wherever in the file; relative imports resolved."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{self._origin(node)}.{alias.name}" for alias in node.names)

    def _origin(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        folder = self.path.relative_to(ROOT).parts[: -node.level]
        return ".".join([*folder, *([node.module] if node.module else [])])


@cache
def modules() -> tuple[Module, ...]:
    """Every Python file of the house, tests included."""
    paths = sorted(
        path
        for path in ROOT.rglob("*.py")
        if not any(part.startswith(".") or part in NOT_OURS for part in path.relative_to(ROOT).parts)
    )
    return tuple(
        Module(
            path,
            path.relative_to(ROOT).parts[0].removesuffix(".py"),
            ast.parse(path.read_text(encoding="utf-8"), str(path)),
        )
        for path in paths
    )


def modules_of(*packages: str) -> list[Module]:
    """The files of these folders; a folder that does not exist yet has none."""
    return [module for module in modules() if module.package in packages]


def production() -> list[Module]:
    """Everything but tests and benchmarks."""
    return [module for module in modules() if module.package not in {"tests", "benchmarks"}]


def folders() -> set[str]:
    """Top-level folders that hold files."""
    return {
        path.name
        for path in ROOT.iterdir()
        if path.is_dir()
        and not path.name.startswith((".", "__"))
        and path.name not in NOT_OURS
        and any(file.is_file() and "__pycache__" not in file.parts for file in path.rglob("*"))
    }
