"""The commands that the harness kills: what is typed, who can die, and what must run beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tests.faults.world import AS_OF, House

HERE = ("flow", "postgres", "flow", "postgres and its children", "flow", "server")
"""Who dies while a command does the work itself: the flow's process in every second trial."""


@contextmanager
def alone(house: House) -> Iterator[None]:
    """The command needs nothing beside it."""
    yield


@dataclass(frozen=True, slots=True)
class Command:
    """arguments: after `learnback`. victims: taken in turn."""

    arguments: tuple[str, ...]
    victims: tuple[str, ...] = HERE
    ready: Callable[[House], AbstractContextManager[None]] = alone


COMMANDS = {"weekly": Command(("learn", "--as-of", f"{AS_OF:%Y-%m-%dT%H:%M}"))}
