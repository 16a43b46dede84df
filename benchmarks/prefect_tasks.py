"""A flow of so many tasks that do nothing, in a process of its own: what is measured is Prefect.

It imports nothing but Prefect, and runs tasks as flows/ do: on two threads, and records as they are.

    python -m benchmarks.prefect_tasks COUNT

Reports to the local server of the settings, which must run.
"""

from __future__ import annotations

import sys
from typing import Any

import settings
from adapters import prefect_environment


def main(count: int) -> None:
    prefect_environment.apply(settings.load())
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE
    from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

    from tasks.passing import whole

    @task(cache_policy=NO_CACHE)
    def nothing(record: dict[str, int]) -> dict[str, int]:
        return record

    runner: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)

    @flow(task_runner=runner)
    def tasks_of_nothing() -> int:
        futures = [nothing.submit(whole({"number": number})) for number in range(count)]
        return sum(future.result()["number"] for future in futures)

    assert tasks_of_nothing() == count * (count - 1) // 2


if __name__ == "__main__":
    main(int(sys.argv[1]))
