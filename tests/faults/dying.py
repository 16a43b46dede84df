"""Run in a process of its own: the weekly flow, which kills itself with SIGKILL at a named call. Arguments: its name.

python -m tests.faults.dying "book.publish after 2"        after the second learner was published
python -m tests.faults.dying "book._put_in_force after 3"  inside the third one's transaction
"""

from __future__ import annotations

import functools
import itertools
import os
import signal
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from store import book
from tests.flows.conftest import AS_OF

PLACES: dict[str, ModuleType] = {"book": book}


def watched(call: Callable[..., Any], before: bool, wanted: int) -> Callable[..., Any]:
    """The same call, which ends this process at its `wanted`-th time."""
    times = itertools.count(1)

    @functools.wraps(call)
    def dying(*args: Any, **kwargs: Any) -> Any:
        number = next(times)
        if before and number == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*args, **kwargs)
        if number == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return dying


def main(moment: str) -> None:
    name, when, number = moment.split()
    module, _, function = name.partition(".")
    owner = PLACES[module]
    setattr(owner, function, watched(getattr(owner, function), when == "before", int(number)))
    from cli import running

    running.run_flow(tenants=(), as_of=AS_OF, dry_run=False)


if __name__ == "__main__":
    main(sys.argv[1])
