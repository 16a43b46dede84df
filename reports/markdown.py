"""The same run for the Prefect UI: a markdown artifact with small pictures, and rounded rows for a table artifact."""

from __future__ import annotations

from reports.records import ReportInput


def markdown(record: ReportInput) -> str:
    """Markdown with pictures as PNG data URIs, at most MOST_BYTES in all."""
    raise NotImplementedError


def table(record: ReportInput) -> list[dict[str, str | int | float | None]]:
    """One row a tenant and learner, numbers rounded: Prefect's table artifact shows floats as they are."""
    raise NotImplementedError
