"""A Dask cluster that is there already: functions go to its workers, and what they return comes back.

What travels is the name of a function and small records. A worker that dies takes nothing with it: the scheduler gives
its work to another one. Nobody here starts a cluster.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any
from uuid import uuid4

from contracts.errors import ServerError, SettingsError
from settings import DASK

CONNECT_SECONDS = 15
WORKER_SECONDS = 60
"""How long a scheduler may be without workers when a run begins: they may just be starting."""

GIVEN_UP = ("KilledWorker", "FutureCancelledError", "CancelledError", "CommClosedError")
"""What `distributed` raises when the cluster, and not the function, is what failed."""


class Cluster:
    """A connection that opens at the first call. Safe under threads; each call waits for its own answer."""

    def __init__(self, address: str) -> None:
        """address: dask://host:port."""
        self.address = address
        self._lock = threading.Lock()
        self._client: Any = None

    def call(self, function: Callable[..., Any], *arguments: Any, name: str) -> Any:
        """function(*arguments) on some worker. It is sent by its name, so workers need the same code.

        name: how Dask's dashboard shows it. Raises what the function raised, or ServerError.
        """
        client = self._connected()
        future = client.submit(function, *arguments, key=f"{name}-{uuid4()}", pure=False)
        try:
            return future.result()
        except Exception as error:
            if type(error).__name__ not in GIVEN_UP:
                raise
            raise ServerError(
                f"the Dask cluster {self.address} gave up on `{name}` ({type(error).__name__})",
                do="See the logs of its workers: they died four times over it, often for want of memory",
            ) from None

    def close(self) -> None:
        """Leave the cluster as it is; what it still does for this connection is cancelled."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = _connect(self.address)
            return self._client


def _connect(address: str) -> Any:
    try:
        distributed: Any = import_module("distributed")  # optional, and without types
    except ImportError:
        raise SettingsError(
            "LEARNBACK_RUNNER names a Dask scheduler, and the package `distributed` is not installed",
            do="Install learnback[dask], or unset LEARNBACK_RUNNER",
        ) from None
    host, _, port = address.removeprefix(DASK).rpartition(":")
    try:
        socket.create_connection(
            (host, int(port)), CONNECT_SECONDS
        ).close()  # Dask would try again until its time is up
        client = distributed.Client(f"tcp://{host}:{port}", timeout=CONNECT_SECONDS, set_as_default=False)
    except OSError:
        raise ServerError(f"no Dask scheduler answers at {address}", do="Start it, or unset LEARNBACK_RUNNER") from None
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except TimeoutError:
        client.close()
        raise ServerError(
            f"the Dask scheduler at {address} has no workers", do=f"Start some: dask worker {host}:{port}"
        ) from None
    return client
