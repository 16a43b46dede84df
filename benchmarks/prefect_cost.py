"""What does Prefect itself add to a run: before the first task, and with every task?

Processes of their own run a flow without tasks, and one with many tasks that do nothing, against the
local server that `learnback learn` uses. The server runs already: it is started once and stays.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import settings as settings_module
from adapters import prefect_server
from algorithms import registry
from benchmarks.harness import Figure, benchmark
from contracts.errors import ServerError
from settings import Settings

ROUNDS, TASKS = 3, 300
QUICK_ROUNDS, QUICK_TASKS = 1, 100


@benchmark("prefect_cost", "What does Prefect itself add to a run: before the first task, and with every task?")
def measure(arguments: argparse.Namespace) -> list[Figure]:
    loaded = settings_module.load()
    prefect_server.wait_ready(prefect_server.start(loaded))
    rounds, tasks = (QUICK_ROUNDS, QUICK_TASKS) if arguments.quick else (ROUNDS, TASKS)
    took = [(seconds(0), seconds(tasks)) for _ in range(rounds)]
    empty = statistics.median(none for none, _ in took)
    each = statistics.median(1_000.0 * (many - none) / tasks for none, many in took)
    of_run = tasks_of_a_run(loaded)
    return [
        Figure("prefect_s", empty, "a process that imports Prefect and runs a flow without tasks, s", "", "≤ 6"),
        Figure("task_ms", each, f"each of {tasks} tasks that do nothing, ms", "", "≤ 20"),
        Figure("tasks", of_run, "tasks of a full weekly run"),
        Figure("added_s", empty + of_run * each / 1_000.0, "what Prefect adds to it, s"),
    ]


def seconds(tasks: int) -> float:
    """Of a process with so many tasks, from its start to its end: also until the server has all of their states."""
    command = [sys.executable, "-m", "benchmarks.prefect_tasks", str(tasks)]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    took = time.perf_counter() - began
    if done.returncode:
        raise ServerError(f"a flow of {tasks} tasks failed: {done.stderr.strip().splitlines()[-1]}")
    return took


def tasks_of_a_run(loaded: Settings) -> int:
    """As flows/pattern_learning.py goes: streams, checks, their verdict, summaries, then by learner."""
    learners = len(registry.LEARNERS)
    populations = sum(learner.witness is not None for learner in registry.LEARNERS)
    return loaded.streams + 2 * loaded.groups + 1 + populations + learners * (2 * loaded.groups + 1) + 1


if __name__ == "__main__":
    measure.main()
