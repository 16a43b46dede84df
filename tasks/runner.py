"""Where tasks run: in threads of the flow's process, or on a Dask cluster that LEARNBACK_RUNNER names.

On a cluster the flow's process keeps Prefect's side of every task, its state, its name and its log, in a thread that
waits, and the task's function runs on a worker. Workers need no Prefect server, a task costs Prefect as little as on
threads, and a worker that dies is Dask's affair.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, Self

from prefect import Task
from prefect.futures import PrefectConcurrentFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

import settings
from adapters.dask_cluster import Cluster
from contracts.errors import ServerError, SettingsError
from tasks.run import code_version

THREADS = 2
"""Tasks at work together in one process: more would wait for the same interpreter lock."""

WAITING = 64
"""Tasks that are at work together on a cluster, each with a thread here that waits for it."""


class SliceRunner(ThreadPoolTaskRunner[Any]):
    """A flow's runner. cluster: where functions run; None for the flow's own process."""

    def __init__(self, max_workers: int = THREADS, cluster: Cluster | None = None) -> None:
        super().__init__(max_workers=max_workers)
        self.cluster = cluster

    def duplicate(self) -> Self:
        """The runner of one run of the flow, as the settings choose it then."""
        try:
            where = settings.load().runner
        except SettingsError:  # the flow reads the settings itself, and says what is wrong with them
            return type(self)()
        return type(self)() if where == "threads" else type(self)(WAITING, Cluster(where))

    def submit(self, task: Task[..., Any], *arguments: Any, **more: Any) -> PrefectConcurrentFuture[Any]:
        if self.cluster is None:
            return super().submit(task, *arguments, **more)
        away = copy.copy(task)
        away.fn = self._away(task, self.cluster)
        return super().submit(away, *arguments, **more)

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        if self.cluster is not None:
            self.cluster.close()

    @staticmethod
    def _away(task: Task[..., Any], cluster: Cluster) -> Callable[..., Any]:
        """The task's function, as it looks to Prefect; what it does, it does on a worker."""
        module, name = task.fn.__module__, task.fn.__name__

        @wraps(task.fn)
        def away(*arguments: Any, **named: Any) -> Any:
            return cluster.call(perform, module, name, code_version(), arguments, named, name=name)

        return away


def perform(module: str, name: str, version: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """What a worker does: the function of a task of ours. Raises ServerError where its code is not that of the run."""
    if version != code_version():
        raise ServerError(
            f"a Dask worker runs other code ({code_version()}) than the run that asks it ({version})",
            do="Install the same version everywhere, and restart the workers",
        )
    task: Task[..., Any] = getattr(import_module(module), name)
    return task.fn(*arguments, **named)


RUNNER: TaskRunner[Any] = SliceRunner()
