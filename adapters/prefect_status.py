"""What a running server knows of our deployments: schedule, next run, last run. Plain HTTP, so that asking is quick.

`import prefect` takes 1.5 s and more; `learnback status` should answer before that.
"""

from __future__ import annotations

import base64
import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from adapters.prefect_environment import POOL
from contracts.errors import ServerError


@dataclass(frozen=True, slots=True)
class DeploymentStatus:
    """One deployment. schedule: in words or as cron; empty where none is active, `by hand` where
    there is none. Times are UTC, None where unknown.

    next_run: None for some seconds after the registration too, until the server has planned ahead.
    last_state: Completed, Failed, Crashed, Running …; empty before the first run.
    """

    name: str
    id: str
    schedule: str
    next_run: datetime | None
    last_run: datetime | None
    last_state: str


def deployments(api_url: str) -> tuple[DeploymentStatus, ...]:
    """Every deployment in our work pool, by name. Raises ServerError where the server does not answer."""
    rows = ask(api_url, "/deployments/filter", {"work_pools": {"name": {"any_": [POOL]}}})
    return tuple(sorted((_status(api_url, row) for row in rows), key=lambda status: status.name))


def workers_online(api_url: str) -> int:
    """How many workers poll our work pool, ours or others. Raises ServerError where the server does not answer."""
    pools = ask(api_url, "/work_pools/filter", {"work_pools": {"name": {"any_": [POOL]}}})
    if not pools:
        return 0
    rows = ask(api_url, f"/work_pools/{POOL}/workers/filter", {})
    return sum(row["status"] == "ONLINE" for row in rows)


def ask(api_url: str, path: str, body: dict[str, Any] | None, *, method: str = "POST") -> Any:
    """What Prefect's API answers, with the user's own credentials where the environment holds some.

    None where it answers without words. Raises ServerError where it does not answer, or refuses.
    """
    request = urllib.request.Request(  # noqa: S310
        f"{api_url.rstrip('/')}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **_credentials()},
        method=method,
    )
    try:
        return _patiently(request)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise ServerError(
            f"the Prefect server at {api_url} gave no answer ({getattr(error, 'reason', error)})",
            do="`learnback status` says whether it runs, `learnback up` starts it",
        ) from None


def _patiently(request: urllib.request.Request) -> Any:
    """The answer, after as many attempts as a busy SQLite takes: Prefect says 503 and means 'again'."""
    for wait in (0.2, 0.5, 1.0, 2.0, 0.0):
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
                return json.loads(reply.read() or b"null")
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE or not wait:
                raise
            time.sleep(wait)
    raise AssertionError("the last wait of 0 has raised")


def _credentials() -> dict[str, str]:
    if key := os.environ.get("PREFECT_API_KEY"):
        return {"Authorization": f"Bearer {key}"}
    if pair := os.environ.get("PREFECT_API_AUTH_STRING"):
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


def _status(api_url: str, row: dict[str, Any]) -> DeploymentStatus:
    flow = ask(api_url, "/flows/filter", {"deployments": {"id": {"any_": [row["id"]]}}})[0]["name"]
    coming = _first_run(api_url, row["id"], {"state": {"type": {"any_": ["SCHEDULED"]}}}, "EXPECTED_START_TIME_ASC")
    begun = _first_run(api_url, row["id"], {"start_time": {"is_null_": False}}, "START_TIME_DESC")
    return DeploymentStatus(
        name=f"{flow}/{row['name']}",
        id=row["id"],
        schedule=", ".join(_words(item["schedule"]) for item in row["schedules"] if item["active"])
        if row["schedules"]
        else "by hand",
        next_run=_time(coming.get("expected_start_time")),
        last_run=_time(begun.get("start_time")),
        last_state=begun.get("state_name") or "",
    )


def _first_run(api_url: str, deployment: str, among: dict[str, Any], sort: str) -> dict[str, Any]:
    question = {
        "deployments": {"id": {"any_": [deployment]}},
        "flow_runs": among,
        "sort": sort,
        "limit": 1,
    }
    rows = ask(api_url, "/flow_runs/filter", question)
    return dict(rows[0]) if rows else {}


def _words(schedule: dict[str, Any]) -> str:
    if "cron" in schedule:
        return f"{schedule['cron']} {schedule.get('timezone') or 'UTC'}"
    return f"every {schedule['interval']:g} s" if "interval" in schedule else str(schedule.get("rrule", ""))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
