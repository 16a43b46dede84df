"""The same run for a terminal: rich tables and one sentence. The caller prints them."""

from __future__ import annotations

from rich.console import RenderableType

from contracts.runs import LearningReport
from reports.records import ReportInput


def summary(report: LearningReport) -> str:
    """One line: how many patterns were published, held and refused, and how many tenants were left out."""
    raise NotImplementedError


def verdicts(report: LearningReport) -> RenderableType:
    """A table of tenants: ruling, confidence, sample, and the pattern or the reason in words; then quarantines."""
    raise NotImplementedError


def learned_beside_planted(record: ReportInput) -> RenderableType:
    """A table of simulated tenants: true weights, learned ones, what was published, and whether that was right."""
    raise NotImplementedError
