"""Names say what a thing is: no drawer of odds and ends, no numbered siblings, an opening docstring everywhere."""

from __future__ import annotations

import ast
import re

from tests.architecture.house import production

DRAWERS = {"utils", "util", "helpers", "helper", "misc", "common", "shared", "base_utils"}

ALLOWED_DIGITS = re.compile(r"sha256|float32|float64|int64|uint8|utf8|auc90")


def test_there_is_no_drawer_of_odds_and_ends() -> None:
    assert [str(module) for module in production() if module.path.stem in DRAWERS] == []


def test_no_name_has_a_number_in_it() -> None:
    """`score2` says that nobody knew how the two differ. Hashes and widths are named by what they are."""
    wrong = [
        f"{module}: {name}"
        for module in production()
        for name in [module.path.stem, *_defined(module.tree)]
        if re.search(r"\d", ALLOWED_DIGITS.sub("", name))
    ]
    assert wrong == []


def test_every_module_opens_with_its_role() -> None:
    wrong = [str(module) for module in production() if module.tree.body and not ast.get_docstring(module.tree)]
    assert wrong == []


def test_no_class_has_a_single_method() -> None:
    """A class with one method is a function with a ceremony. Dataclasses and derived classes are not counted."""
    wrong = [
        f"{module}: {node.name}"
        for module in production()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and not node.bases and not node.decorator_list and _methods(node) == 1
    ]
    assert wrong == []


def test_no_handler_swallows_everything() -> None:
    """`except Exception` may clean up and raise again; going on hides bugs."""
    wrong = [
        f"{module}:{node.lineno}"
        for module in production()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and _catches_all(node) and not _raises(node)
    ]
    assert wrong == []


def test_nothing_is_left_to_do() -> None:
    wrong = [
        f"{module}: {word}"
        for module in production()
        for word in re.findall(r"\b(?:TODO|FIXME|XXX|HACK)\b", module.path.read_text(encoding="utf-8"))
    ]
    stubs = [
        f"{module}: NotImplementedError"
        for module in production()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and node.id == "NotImplementedError"
    ]
    assert wrong + stubs == []


def _defined(tree: ast.Module) -> list[str]:
    nodes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node.name for node in ast.walk(tree) if isinstance(node, nodes)]


def _methods(node: ast.ClassDef) -> int:
    methods = [item for item in node.body if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return len([method for method in methods if method.name not in {"__init__", "__post_init__"}])


def _catches_all(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"}
    )


def _raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(handler))
