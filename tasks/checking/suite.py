"""The expectation suite as data: what the quality table may hold before a tenant is quarantined.

`store/expectations/quality.json` is the built-in one, and it is what the catalogue of defects says; a user who wants
other thresholds, or more expectations, edits a copy and names it in LEARNBACK_EXPECTATIONS.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import store
from contracts.defects import DEFECTS, Defect, Treatment
from contracts.errors import SettingsError
from settings import Settings

BUILT_IN = Path(store.__path__[0]) / "expectations" / "quality.json"
BETWEEN = "expect_column_values_to_be_between"

Expectation = dict[str, Any]


def from_catalogue() -> dict[str, Any]:
    """The built-in suite: one expectation for each defect that can quarantine a tenant."""
    return {"name": "quality", "expectations": [_expectation(defect) for defect in DEFECTS if defect.metric]}


def _expectation(defect: Defect) -> Expectation:
    collapsed = defect.code == "volume_collapsed"
    bounds = {"min_value": defect.threshold} if collapsed else {"min_value": 0, "max_value": defect.threshold}
    above = "the tenant is quarantined at once" if defect.treatment is Treatment.QUARANTINE else "above it, quarantined"
    subject = "Share" if defect.treatment is not Treatment.QUARANTINE or collapsed else "Number"
    rows = "" if collapsed else f"of {defect.extract} that "
    return {
        "type": BETWEEN,
        "kwargs": {"column": defect.metric, **bounds},
        "meta": {"defect": defect.code, "notes": f"{subject} {rows}{defect.sentence}; {above}."},
    }


def path_of(settings: Settings) -> Path:
    """The suite in force."""
    return settings.expectations or BUILT_IN


def load(path: Path) -> dict[str, Any]:
    """A suite from its file; raises SettingsError for one that cannot be read, or is none."""
    try:
        suite = json.loads(path.read_text(encoding="utf-8"))
        well_formed = all(isinstance(e["type"], str) and isinstance(e["kwargs"], dict) for e in suite["expectations"])
    except OSError as error:
        raise SettingsError(
            f"LEARNBACK_EXPECTATIONS names {path}, which cannot be read: {error.strerror}", do=_COPY
        ) from None
    except (ValueError, TypeError, KeyError):
        well_formed = False
    if not well_formed:
        raise SettingsError(
            f"{path} is no expectation suite",
            wanted='a JSON object with a list "expectations" of {"type", "kwargs", "meta"} is needed',
            do=_COPY,
        )
    return dict(suite)


_COPY = f"Copy {BUILT_IN.name} from store/expectations and change its thresholds"
