"""What did a pattern's weights meet later? Leads whose outcome became known since, ranked by them and by others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

from algorithms.auc import Z90, compare
from algorithms.histories import History, histories
from contracts.outcomes import DEFAULT_WEIGHTS
from contracts.walk_forward import EDGES, InForce, Later, Met, Promised, Ranked
from contracts.who import WhoPattern

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LEAST = 2
"""Leads of either kind that a difference of AUC needs for its variance."""

QUESTION, WEIGHTS = "weights", "learned"
"""Name and level of the one claim that WHO makes."""


def follow(in_force: Mapping[UUID, InForce], after: pl.DataFrame, since: datetime, share: float) -> dict[UUID, Later]:
    """Per tenant with a pattern in force and leads that became known after `since`. share: of leads at the top."""
    moment = (since - EPOCH) // timedelta(microseconds=1)
    found = {}
    for history in histories(after):
        held, new = in_force.get(history.tenant_id), history.known > moment
        if held is not None and new.any():
            found[history.tenant_id] = _later(held, history, new, share)
    return found


def _later(held: InForce, history: History, new: Bools, share: float) -> Later:
    pattern = WhoPattern.from_payload(held.payload)
    components, converted = history.components[new].astype(np.float64), history.converted[new]
    replaced = WhoPattern.from_payload(held.replaced).weights if held.replaced else DEFAULT_WEIGHTS
    scores, default = components @ np.array(pattern.weights), components @ np.array(DEFAULT_WEIGHTS)
    promises: Floats = expit(pattern.intercept + pattern.slope * scores)
    claim = _claim(held, converted, scores, components @ np.array(replaced))
    return Later(
        version=held.version,
        claims=(claim,) if claim else (),
        promised=_promised(promises, converted),
        ranked=_ranked(converted, scores, default, share),
    )


def _claim(held: InForce, converted: Bools, scores: Floats, rival: Floats) -> Met | None:
    """The difference of AUC to what was replaced; None where there are too few of either kind, or no difference."""
    conversions = int(converted.sum())
    told = held.judged_on.get("auc_difference_ci90")
    if min(conversions, len(converted) - conversions) < LEAST or held.confidence is None or told is None:
        return None
    found = compare(converted, scores, rival)
    if found.variance <= 0.0:
        return None
    return Met(
        name=QUESTION,
        key=WEIGHTS,
        confidence=held.confidence,
        said=float(held.judged_on["auc_difference"]),
        said_sd=(float(told[1]) - float(told[0])) / (2.0 * Z90),
        n=len(converted),
        s=conversions,
        used=len(converted),
        u=found.difference / found.variance,
        v=1.0 / found.variance,
    )


def _promised(promises: Floats, converted: Bools) -> tuple[Promised, ...]:
    places = np.searchsorted(EDGES[1:-1], promises, side="right")
    return tuple(
        Promised(int(place), int(mine.sum()), float(promises[mine].sum()), int(converted[mine].sum()))
        for place in np.unique(places)
        for mine in [places == place]
    )


def _ranked(converted: Bools, scores: Floats, default: Floats, share: float) -> Ranked:
    top = max(1, round(share * len(converted)))
    learned, usual = _top(scores, top), _top(default, top)
    return Ranked(
        n=len(converted),
        s=int(converted.sum()),
        top=top,
        learned=int(converted[learned].sum()),
        default=int(converted[usual].sum()),
        both=int((converted & learned & usual).sum()),
    )


def _top(scores: Floats, top: int) -> Bools:
    """(n,) which leads are the `top` best; of ties those that came first."""
    chosen = np.zeros(len(scores), np.bool_)
    chosen[np.argsort(-scores, kind="stable")[:top]] = True
    return chosen
