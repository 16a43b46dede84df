"""Start a run of a deployment through Prefect's own API, as the form in its UI does, and say where to watch it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters import prefect_server
from adapters.prefect_server import ServerHandle
from adapters.prefect_status import ask
from contracts.errors import ServerError
from settings import Settings


@dataclass(frozen=True, slots=True)
class Started:
    """A run that waits for a worker. url: its page in the UI. parameters: as the server keeps them.

    new: this call started it; otherwise an earlier call with the same key did.
    """

    id: str
    name: str
    url: str
    parameters: Mapping[str, Any]
    new: bool


def start_run(settings: Settings, deployment: str, parameters: Mapping[str, Any], *, key: str | None = None) -> Started:
    """Start a run of `flow/deployment` with these parameters, or find the one that was started with the same key.

    Raises ServerError where no server runs or answers, or where it knows no such deployment.
    """
    server = _running(settings)
    row = _deployment(server, deployment)
    if key and (earlier := ask(server.api_url, "/flow_runs/filter", _with_key(row["flow_id"], key))):
        return _started(server, earlier[0], new=False)
    wanted = {"parameters": dict(parameters), "idempotency_key": key, "state": {"type": "SCHEDULED"}}
    created = ask(server.api_url, f"/deployments/{row['id']}/create_flow_run", wanted)
    return _started(server, created, new=True)


def _running(settings: Settings) -> ServerHandle:
    status = prefect_server.status(settings)
    if status.handle is None:
        raise ServerError("no Prefect server runs here", do="Start it with `learnback up`")
    if not status.ready:
        raise ServerError(
            "the Prefect server does not answer",
            do="`learnback status` says whether it runs, `learnback up` starts it",
        )
    return status.handle


def _deployment(server: ServerHandle, name: str) -> dict[str, Any]:
    flow, _, deployment = name.partition("/")
    question = {"flows": {"name": {"any_": [flow]}}, "deployments": {"name": {"any_": [deployment]}}}
    found = ask(server.api_url, "/deployments/filter", question)
    if not found:
        raise ServerError(
            f"the Prefect server knows no deployment {name}",
            do="`learnback up` registers every deployment that this version has; `learnback status` lists them",
        )
    return dict(found[0])


def _with_key(flow_id: str, key: str) -> dict[str, Any]:
    return {"flow_runs": {"idempotency_key": {"any_": [key]}}, "flows": {"id": {"any_": [flow_id]}}, "limit": 1}


def _started(server: ServerHandle, run: Mapping[str, Any], *, new: bool) -> Started:
    page = f"{server.ui_url}/runs/flow-run/{run['id']}"
    return Started(str(run["id"]), str(run["name"]), page, dict(run["parameters"]), new)
