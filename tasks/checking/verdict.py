"""The verdict: Great Expectations holds the quality table of all tenants against the suite, one row a tenant.

Great Expectations takes seconds to import: `warm_up` does it beside the extraction. An expectation that could not be
evaluated is an error, never a pass.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl

from contracts.defects import CATALOGUE, DEFECTS, SHARE, Treatment
from contracts.errors import SettingsError
from contracts.runs import Quarantined
from settings import Settings
from store import lake
from store.lake import Manifest
from tasks.checking import suite
from tasks.checking.groups import GroupCheck
from tasks.checking.rows import LISTED

GE_SETTINGS = {"GX_ANALYTICS_ENABLED": "false"}  # it would ask a vendor's host on every context


@dataclass(frozen=True)
class CheckResult:
    """What the checks of a run concluded.

    manifest: the run's files without the rows that were dropped. quality: one row a tenant (see GroupCheck).
    quarantined: one entry a tenant, its reason naming every defect that did it. rows: as extracted, by extract.
    dropped: rows by defect. listing: path in the lake of the first dropped rows of each defect. suite: what decided.
    """

    manifest: Manifest
    quality: pl.DataFrame
    quarantined: tuple[Quarantined, ...]
    rows: Mapping[str, int]
    dropped: Mapping[str, int]
    listing: str
    suite: Path


def warm_up() -> threading.Thread:
    """Import Great Expectations in the background; `conclude` waits for it on its own."""
    thread = threading.Thread(target=_great_expectations, name="warm-up", daemon=True)
    thread.start()
    return thread


def conclude(settings: Settings, manifest: Manifest, checks: Iterable[GroupCheck]) -> CheckResult:
    """Merge the groups' checks, judge every tenant, and write manifest, quality table and listing to the lake.

    Raises SettingsError where the suite cannot be evaluated as it stands.
    """
    done = sorted(checks, key=lambda check: check.group)
    checked, quality = merged(manifest, done)
    listing = pl.concat([check.listing for check in done]).group_by("defect", maintain_order=True).head(LISTED)
    path = suite.path_of(settings)
    failures = sorted(_failures(quality, path), key=lambda failure: failure.order)
    lake.write_table(manifest.root, _table("quality", manifest), quality)
    lake.write_table(manifest.root, _table("dropped", manifest), listing)
    lake.write(checked)
    return CheckResult(
        checked,
        quality,
        _quarantined(failures, quality),
        manifest.rows(),
        {d.code: rows for d in DEFECTS if (rows := sum(check.dropped.get(d.code, 0) for check in done))},
        _table("dropped", manifest),
        path,
    )


def merged(manifest: Manifest, checks: Sequence[GroupCheck]) -> tuple[Manifest, pl.DataFrame]:
    """The run's manifest without the rows that were dropped, and the quality table of all tenants."""
    checked = replace(manifest.with_files(file for check in checks for file in check.files), checked=True)
    if checked.increment is not None:
        parts = (part for check in checks for part in check.parts)
        checked = replace(checked, increment=checked.increment.with_parts(parts))
    return checked, pl.concat([check.quality for check in checks]).sort("tenant_id")


def _table(name: str, manifest: Manifest) -> str:
    return f"{name}/{manifest.run_id}.parquet"


@dataclass(frozen=True)
class _Failure:
    """One expectation that one tenant did not meet."""

    tenant_id: UUID
    column: str
    got: float
    kwargs: Mapping[str, Any]
    code: str

    @property
    def order(self) -> tuple[int, str]:
        """Catalogue first, in its order; then what a user added."""
        return (list(CATALOGUE).index(self.code) if self.code in CATALOGUE else len(CATALOGUE), self.column)

    @property
    def wanted(self) -> float:
        """The bound that was crossed."""
        low, high = self.kwargs.get("min_value"), self.kwargs.get("max_value")
        return float(high if high is not None and self.got > high else low if low is not None else self.got)

    @property
    def reason(self) -> str:
        defect = CATALOGUE.get(self.code)
        if defect is None or self.column != defect.metric:
            bounds = ", ".join(f"{k} {v}" for k, v in self.kwargs.items() if k not in ("column", "batch_id"))
            return f"{self.column} is {self.got:g} ({bounds})"
        if defect.code == "volume_collapsed":
            return f"{_percent(self.got)} {defect.sentence} ({_percent(self.wanted)} is wanted)"
        if defect.treatment is Treatment.QUARANTINE:
            allowed = f"{self.wanted:g} are" if self.wanted else "none is"
            return f"{self.got:g} {defect.extract} {defect.sentence} ({allowed} allowed)"
        return f"{_percent(self.got)} of {defect.extract} {defect.sentence} ({_percent(self.wanted)} is allowed)"


def _percent(share: float) -> str:
    """Enough digits to differ from a threshold of whole percents."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def _quarantined(failures: Iterable[_Failure], quality: pl.DataFrame) -> tuple[Quarantined, ...]:
    by_tenant: dict[UUID, list[_Failure]] = {}
    for failure in failures:
        by_tenant.setdefault(failure.tenant_id, []).append(failure)
    names = {UUID(bytes=key): name for key, name in quality.select("tenant_id", "tenant").iter_rows()}
    return tuple(
        Quarantined(
            tenant_id=tenant,
            tenant=names[tenant],
            defect=found[0].code,
            reason="; ".join(failure.reason for failure in found),
            got=found[0].got,
            wanted=found[0].wanted,
        )
        for tenant, found in sorted(by_tenant.items())
    )


def _failures(quality: pl.DataFrame, path: Path) -> Iterator[_Failure]:
    """Every (tenant, expectation) that does not hold."""
    for result in validate(quality, path).results:
        config = result.expectation_config
        column = str(config.kwargs.get("column", ""))
        places = result.result.get("unexpected_index_list")
        if not result.success and not places:
            raise SettingsError(
                f"{path} expects something of the whole table ({config.type}), and that does not hold",
                wanted="an expectation about a column's values can say which tenant fails it",
                do="Express it with expect_column_values_to_…, or remove it",
            )
        for place in () if result.success else places:
            code = str((config.meta or {}).get("defect") or column)
            value = place.get(column)
            got = float(value) if isinstance(value, Real) else float("nan")
            yield _Failure(UUID(place["tenant_id"]), column, got, config.kwargs, code)


def validate(quality: pl.DataFrame, path: Path) -> Any:
    """Great Expectations' own result for this table and suite; raises SettingsError where it could not evaluate all."""
    expectations = suite.load(path)["expectations"]
    gx = _great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    try:
        declared = gx.ExpectationSuite(name="quality", expectations=expectations)
    except ValueError as error:
        raise SettingsError(f"{path} holds an expectation that cannot be read: {_first_line(error)}") from None
    if len(declared.expectations) != len(expectations):  # unknown ones are left out without an error
        known = {expectation.expectation_type for expectation in declared.expectations}
        lost = sorted({e["type"] for e in expectations} - known) or ["one that repeats another"]
        raise SettingsError(f"{path} holds expectations that Great Expectations lacks: {', '.join(lost)}")
    asset = context.data_sources.add_pandas("lake").add_dataframe_asset("tenants")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": _for_pandas(quality).to_pandas()})
    outcome = batch.validate(
        declared,
        result_format={
            "result_format": "COMPLETE",
            "unexpected_index_column_names": ["tenant_id", "tenant"],
            "return_unexpected_index_query": False,
        },
    )
    for result in outcome.results:
        if said := _exception(result.exception_info):
            column = result.expectation_config.kwargs.get("column")
            raise SettingsError(
                f"{path}: {result.expectation_config.type} of {column} could not be evaluated: {said}",
                do="Columns are those of the quality table, see docs/reference/defects.md",
            )
    return outcome


def _great_expectations() -> Any:
    for name, value in GE_SETTINGS.items():
        os.environ.setdefault(name, value)
    import great_expectations

    return great_expectations


def _exception(info: Mapping[str, Any]) -> str:
    """The message of an evaluation that raised, in either of the shapes in which it is told; empty where none did."""
    entries = [info] if "raised_exception" in info else list(info.values())
    return next((_first_line(entry["exception_message"]) for entry in entries if entry["raised_exception"]), "")


def _first_line(said: object) -> str:
    return str(said).strip().splitlines()[0].rstrip(".")


def _for_pandas(quality: pl.DataFrame) -> pl.DataFrame:
    """Ids as text, shares rounded below any threshold's digits."""
    ids = [str(UUID(bytes=key)) for key in quality["tenant_id"]]
    shares = [name for name in quality.columns if name.endswith(SHARE)]
    return quality.with_columns(pl.Series("tenant_id", ids, dtype=pl.String), pl.col(shares).round(6))
