"""What prefect.yaml says → the server: the work pool and every deployment, created, brought up to date or left alone.

Prefect's own `deploy --all` takes the same file, but a process and 3 s too; it replaces every schedule by a new one on
each call, and switches on again what an operator has paused. Here a deployment that already is as declared is not
touched, and a pause is respected.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import yaml

from adapters import prefect_environment, prefect_server
from adapters.prefect_environment import POOL
from contracts.errors import ServerError
from settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.flows import Flow

PREFECT_YAML = Path(__file__).parent.parent / "prefect.yaml"
PLACEHOLDER = re.compile(r"\{\{\s*\$(\w+)\s*\}\}")
COMPARED = (
    "entrypoint",
    "description",
    "tags",
    "parameters",
    "pull_steps",
    "work_pool_name",
    "job_variables",
    "concurrency_options",
    "parameter_openapi_schema",
)
"""Fields that the server returns as they were sent; schedules and the concurrency limit come back in another shape."""

Declared = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of one deployment. name: flow/deployment, as `prefect deployment run` takes it."""

    name: str
    change: Literal["created", "updated", "unchanged"]


def register(settings: Settings, file: Path = PREFECT_YAML) -> tuple[Registered, ...]:
    """Create or update the work pool and every deployment of the file, once the server answers. Idempotent.

    Imports the flows while the server may still be starting: on a fresh machine both take some seconds. Raises
    ServerError where no server answers; a flow that cannot be imported is our bug.
    """
    prefect_environment.apply(settings)
    from httpx import HTTPError
    from prefect.client.orchestration import get_client
    from prefect.flows import load_flow_from_entrypoint

    entries = declared(settings, file)
    flows: list[Flow[..., Any]] = [load_flow_from_entrypoint(entry["entrypoint"], False) for entry in entries]
    prefect_server.wait_ready(prefect_server.start(settings))
    try:
        with get_client(sync_client=True) as client:
            _ensure_pool(client)
            return tuple(_register(client, flow, entry) for flow, entry in zip(flows, entries, strict=True))
    except HTTPError as error:
        raise ServerError(
            f"the Prefect server did not take the deployments ({type(error).__name__})",
            do="`learnback status` says whether it runs, `learnback doctor` what it lacks",
        ) from error


def declared(settings: Settings, file: Path = PREFECT_YAML) -> list[Declared]:
    """The file's deployments, each with the pull steps of the whole file, and with its placeholders filled."""
    values = {**os.environ, "LEARNBACK_HOME": str(settings.root), "LEARNBACK_WORKDIR": str(Path.cwd())}
    text = PLACEHOLDER.sub(lambda found: json.dumps(values[found[1]])[1:-1], file.read_text(encoding="utf-8"))
    content = yaml.safe_load(text)
    return [{"pull": content.get("pull"), **entry} for entry in content["deployments"]]


def _ensure_pool(client: SyncPrefectClient) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
    from prefect.workers.process import ProcessWorker

    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        pool = WorkPoolCreate(name=POOL, type="process", base_job_template=template)
        try:
            client.create_work_pool(pool)
        except ObjectAlreadyExists:
            return  # the worker came first


def _register(client: SyncPrefectClient, flow: Flow[..., Any], entry: Declared) -> Registered:
    from prefect.client.schemas.actions import DeploymentUpdate
    from prefect.exceptions import ObjectNotFound
    from prefect.utilities.callables import parameter_schema

    name = f"{flow.name}/{entry['name']}"
    wanted = _fields(entry) | {"parameter_openapi_schema": parameter_schema(flow).model_dump()}
    try:
        existing = client.read_deployment_by_name(name)
    except ObjectNotFound:
        flow_id = client.create_flow_from_name(flow.name)
        _plan_ahead(client, client.create_deployment(flow_id, entry["name"], **_typed(wanted)))
        return Registered(name, "created")
    wanted["schedules"] = _keep_pauses(wanted["schedules"], existing)
    if _same(wanted, existing):
        return Registered(name, "unchanged")
    client.update_deployment(existing.id, DeploymentUpdate(**wanted))
    _plan_ahead(client, existing.id)
    return Registered(name, "updated")


def _plan_ahead(client: SyncPrefectClient, deployment_id: UUID) -> None:
    """Create the coming runs now, and not in the server's own time, so that the next one can be shown at once."""
    client.request("POST", "/deployments/{id}/schedule", path_params={"id": deployment_id}, json={})


def _fields(entry: Declared) -> dict[str, Any]:
    """An entry of prefect.yaml in the words of Prefect's API."""
    limit = entry.get("concurrency_limit") or {}
    pool = entry.get("work_pool") or {}
    return {
        "entrypoint": entry["entrypoint"],
        "description": entry.get("description"),
        "tags": entry.get("tags") or [],
        "parameters": entry.get("parameters") or {},
        "pull_steps": entry.get("pull"),
        "work_pool_name": pool.get("name", POOL),
        "job_variables": pool.get("job_variables") or {},
        "concurrency_limit": limit.get("limit"),
        "concurrency_options": {"collision_strategy": limit["collision_strategy"]} if limit else None,
        "schedules": [_schedule(row) for row in entry.get("schedules") or []],
    }


def _schedule(row: Mapping[str, Any]) -> dict[str, Any]:
    about = {"slug", "active", "parameters"}
    timing = {key: value for key, value in row.items() if key not in about}
    return {"slug": row["slug"], "active": row.get("active", True), "schedule": timing}


def _typed(wanted: Declared) -> dict[str, Any]:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.objects import ConcurrencyOptions

    options = wanted["concurrency_options"]
    return {
        **wanted,
        "schedules": [DeploymentScheduleCreate(**row) for row in wanted["schedules"]],
        "concurrency_options": ConcurrencyOptions(**options) if options else None,
    }


def _keep_pauses(schedules: list[dict[str, Any]], existing: DeploymentResponse) -> list[dict[str, Any]]:
    """A schedule that is declared active stays paused where somebody paused it; a retired one never wakes."""
    paused = {row.slug for row in existing.schedules if not row.active}
    return [{**row, "active": row["active"] and row["slug"] not in paused} for row in schedules]


def _same(wanted: Declared, existing: DeploymentResponse) -> bool:
    return _comparable(wanted) == {
        **{name: _plain(getattr(existing, name)) for name in COMPARED},
        "limit": existing.global_concurrency_limit.limit if existing.global_concurrency_limit else None,
        "schedules": {row.slug: (row.active, _plain(row.schedule)) for row in existing.schedules},
    }


def _comparable(wanted: Declared) -> dict[str, Any]:
    from prefect.client.schemas.actions import DeploymentUpdate

    update = DeploymentUpdate(**wanted)
    return {
        **{name: _plain(getattr(update, name)) for name in COMPARED},
        "limit": update.concurrency_limit,
        "schedules": {row.slug: (row.active, _plain(row.schedule)) for row in update.schedules or []},
    }


def _plain(value: Any) -> Any:
    """A value as the wire carries it, so that models, enumerations and times compare by content."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)
