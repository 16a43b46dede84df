"""Shells for the tests of commands: an empty one, and one with a store and a Prefect server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """An empty folder, nothing set: the embedded database would be started under it."""
    return Shell(tmp_path)
