"""How every picture looks, and how a Vega-Lite chart becomes SVG without a browser.

A picture is drawn once, in the light palette. On the page a style sheet made from the same PALETTE exchanges the
colours, so that one drawing serves light, dark and paper.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import altair as alt
import vl_convert
from altair.utils.schemapi import disable_debug_mode

Drawing = alt.Chart | alt.LayerChart | alt.FacetChart

disable_debug_mode()  # every part of a chart would be validated as it is made, a third of the time; tests validate all

FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"

PALETTE = {
    # role: (light, dark); every value is unlike every other, since the page exchanges colours by their light value
    "ink": ("#22272e", "#e6e3dc"),
    "muted": ("#626b76", "#a3aab3"),
    "grid": ("#e4e1da", "#343a42"),
    "paper": ("#ffffff", "#1c2127"),
    "learned": ("#1f6f8b", "#5cb8d6"),
    "planted": ("#d9822b", "#f0a555"),
    "default": ("#a4a9b0", "#6f7782"),
    "publish": ("#2f7d54", "#63bd8b"),
    "hold": ("#94762a", "#d1b15c"),
    "refuse": ("#7b6f8e", "#b3a5c9"),
    "quarantine": ("#b2453a", "#e88277"),
    "less3": ("#b4573a", "#e2805c"),  # shades of gains, from far below today's mix to far above
    "less2": ("#d59273", "#ab6148"),
    "less1": ("#eccbba", "#6a473a"),
    "same": ("#efede7", "#2b3138"),
    "more1": ("#bddae3", "#2f5463"),
    "more2": ("#6fb1c8", "#3f88a3"),
    "more3": ("#1e7899", "#6cc5e1"),
}
LIGHT = {role: light for role, (light, _) in PALETTE.items()}

WIDTH = 300
"""Width of a plotting area in pixels: with its labels readable on a phone, and two stand side by side on a desk."""

PANEL = 330
"""Width in pixels of one tenant's picture, names included: three stand side by side, all at the same scale."""

ROW = 24
"""Height of one row of a chart that has a tenant (or stage) per row."""


LABEL_LIMIT = 160
"""Most pixels of a row's label."""

WIDER = 1.18
"""Of one and the same label, the widest usual system font over the one that measures here."""

DRAWN = 512
"""Pictures remembered; a run has about a hundred, of some 20 kB each."""

LETTER = 7.2
"""Pixels of a letter of a label, in the widest of the usual system fonts at 12 pixels."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One picture: its title, what it shows in words (for those who cannot see it), and its drawing."""

    title: str
    alt: str
    chart: Drawing

    def svg(self, key: str) -> str:
        """SVG to be placed inside a page; `key` makes its ids unlike those of the page's other pictures."""
        drawn = _drawn(json.dumps(_spec(self.chart)))
        drawn = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", drawn)
        drawn = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{key}-", drawn)
        return drawn.replace("<svg ", f'<svg role="img" aria-label="{_attribute(self.alt)}" ', 1)

    def image(self) -> str:
        """The same as an SVG file of its own, on white: nothing around it exchanges its colours."""
        head, paper, rest = _drawn(json.dumps(_spec(self.chart))).partition(">")
        return f'{head}{paper}<rect width="100%" height="100%" fill="white"/>{rest}'


def style_sheet() -> str:
    """CSS that names the palette's colours for both schemes and makes inline pictures follow it."""
    names = [f"--{role}:{light}" for role, (light, _) in PALETTE.items()]
    dark = [f"--{role}:{value}" for role, (_, value) in PALETTE.items()]
    swaps = [
        f'figure [{kind}="{light}"]{{{kind}:var(--{role})}}'
        for role, light in LIGHT.items()
        for kind in ("fill", "stroke")
    ]
    return (
        f":root{{{';'.join(names)}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{';'.join(dark)}}}}}\n" + "\n".join(swaps)
    )


def data(rows: Iterable[Mapping[str, Any]]) -> alt.InlineData:
    """Rows as the data of a chart.

    A tuple, which Altair passes along: a list it would copy row by row at every step of a chart, a third of the time.
    """
    return alt.InlineData(values=tuple(dict(row) for row in rows))


def rows_axis(field: str, order: Sequence[str], title: str | None = None) -> alt.Y:
    """One row per name, in the given order, top to bottom."""
    axis = alt.Axis(labelLimit=LABEL_LIMIT, ticks=False, domain=False, minExtent=label_room(order))
    return alt.Y(f"{field}:N", sort=list(order), title=title, axis=axis)


def label_room(names: Sequence[str]) -> float:
    """Pixels left of a chart for its rows' names, by their length: readers' fonts are wider than the one used here."""
    return min(WIDER * LABEL_LIMIT, max((LETTER * len(name) for name in names), default=0.0)) + 12


def panel_width(names: Sequence[str], panel: float = PANEL) -> float:
    """Width of the plotting area that, together with its rows' names, makes a panel of so many pixels."""
    return max(panel / 3, panel - label_room(names))


def reference_line(at: alt.X, value: float) -> alt.Chart:
    """A thin vertical line on a chart's x axis: no gain, no lift, the tenant's own rate."""
    field = str(at.shorthand).split(":")[0]
    line: alt.Chart = alt.Chart(data([{field: value}])).mark_rule(color=LIGHT["muted"], strokeDash=[3, 3])
    return line.encode(x=at)


def colours(domain: Sequence[str], roles: Sequence[str]) -> alt.Scale:
    """A colour scale that maps words to roles of the palette."""
    return alt.Scale(domain=list(domain), range=[LIGHT[role] for role in roles])


@lru_cache(maxsize=DRAWN)
def _drawn(spec: str) -> str:
    """SVG of a Vega-Lite specification; page and artifact of a run ask for the same pictures."""
    drawn: str = vl_convert.vegalite_to_svg(spec)
    return drawn


def _spec(chart: Drawing) -> dict[str, Any]:
    spec: dict[str, Any] = chart.to_dict(validate=False)  # half of the time; tests validate every chart
    return spec | {"background": None, "config": _CONFIG, "padding": 4}


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


_CONFIG = {
    "aria": False,  # the picture as a whole is described; a description of every dot only makes noise
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": LIGHT["muted"],
        "titleColor": LIGHT["muted"],
        "gridColor": LIGHT["grid"],
        "domainColor": LIGHT["grid"],
        "tickColor": LIGHT["grid"],
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelPadding": 6,
        "labelFlush": False,
    },
    "axisY": {"labelColor": LIGHT["ink"], "grid": False},
    "text": {"color": LIGHT["ink"], "fontSize": 12},
}
