"""One self-contained page about one run: tables and pictures, no script, no request to anywhere."""

from __future__ import annotations

from reports.records import ReportInput


def html(record: ReportInput) -> str:
    """The whole page as one string of HTML, with its style and its pictures inside."""
    raise NotImplementedError
