"""A flow that takes what the API sends and does nothing with it; run by a worker, or by nobody."""

from __future__ import annotations

from typing import Any

from prefect import flow


@flow(name="api-learning")
def learning(request: dict[str, Any]) -> None:
    """Stands in for the learning flow, which would look for a store of its own."""
