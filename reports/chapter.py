"""A chapter of the page: what one learner, or the run itself, has to show. Text and figures; the page lays them out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from reports.charts import Figure

MOST_ROWS = 24
"""Most tenants in a chart with a row for each; all of them are in the tables."""

MOST_PANELS = 12
"""Most tenants with a picture of their own."""


@dataclass(frozen=True, slots=True)
class Section:
    """Figures under one heading.

    text: what to see, in plain words. legend: (role of the palette, shape, word).
    columns: figures side by side on a desk.
    """

    heading: str
    text: str
    figures: tuple[Figure, ...]
    legend: tuple[tuple[str, str, str], ...] = ()
    note: str = ""
    columns: Literal[2, 3] = 3


@dataclass(frozen=True, slots=True)
class Chapter:
    """A learner's pictures. anchor: its name within the page. question: what it answers.

    Sections without figures are left out of the page.
    """

    anchor: str
    title: str
    question: str
    sections: tuple[Section, ...] = field(default=())
    caveats: tuple[str, ...] = ()
