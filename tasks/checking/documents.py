"""What people read about checks: Data Docs of one run, and the reference page of all defects."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from contracts.defects import CATALOGUE, DEFECTS, Defect, Treatment
from tasks.checking import verdict
from tasks.checking.verdict import CheckResult

ACTIVE = re.compile(r"<script\b.*?</script>|<style\b.*?</style>|<link\b[^>]*>|<img\b[^>]*>", re.DOTALL)
SECTIONS = re.compile(r'<div id="section-2".*?(?=<footer|</body>)', re.DOTALL)
"""The rendered page from its first expectation on; before it lie a banner and a menu, after it a newsletter."""


def write_docs(result: CheckResult, folder: Path) -> Path:
    """Write Great Expectations' Data Docs of these checks as one page that needs no network; returns index.html.

    The page as rendered asks eight hosts for scripts, styles and a logo; here it carries its own style, and none.
    """
    names = [escape(name) for name in result.quality["tenant"]]  # the page's own renderer does not escape
    outcome = verdict.validate(result.quality.with_columns(pl.Series("tenant", names)), result.suite)

    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    view: Any = DefaultJinjaPageView()
    rendered = view.render(ValidationResultsPageRenderer().render(outcome))
    sections = SECTIONS.search(ACTIVE.sub("", rendered))
    if sections is None:
        raise ValueError("the Data Docs page of this Great Expectations has no sections")
    index = folder / "index.html"
    folder.mkdir(parents=True, exist_ok=True)
    index.write_text(_page(result, sections[0]), encoding="utf-8")
    return index


def _page(result: CheckResult, sections: str) -> str:
    manifest = result.manifest
    quarantined = "".join(
        f"<tr><td>{escape(left_out.tenant)}</td><td>{escape(left_out.defect)}</td><td>{escape(left_out.reason)}</td></tr>"
        for left_out in result.quarantined
    )
    dropped = "".join(
        f"<tr><td>{code}</td><td class=number>{rows:,}</td><td>{CATALOGUE[code].extract}</td>"
        f"<td>{escape(CATALOGUE[code].sentence)}</td></tr>"
        for code, rows in result.dropped.items()
    )
    rows = ", ".join(f"{count:,} {name}" for name, count in result.rows.items())
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Checks of run {manifest.run_id}</title><style>{STYLE}</style></head>
<body>
<h1>Checks</h1>
<p>Run {manifest.run_id}, as of {manifest.as_of:%Y-%m-%d %H:%M} UTC: {rows}.</p>
<h2>Quarantined tenants</h2>
{_table("Tenant", "Defect", "Why", body=quarantined)}
<h2>Dropped rows and values</h2>
{_table("Defect", "Rows", "Extract", "They", body=dropped)}
<h2>Expectations</h2>
<p>As Great Expectations evaluated them over one row a tenant, from {escape(result.suite.name)}.</p>
{sections}
</body>
</html>
"""


def _table(*headings: str, body: str) -> str:
    if not body:
        return "<p>None.</p>"
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2530; background: #fff; max-width: 62rem; margin: 2.5rem auto;
  padding: 0 1.5rem; }
h1 { font-size: 1.8rem; } h2 { font-size: 1.25rem; margin-top: 2.2rem; }
h5 { font: 600 .95rem ui-monospace, monospace; margin: 0 0 .3rem; }
table { border-collapse: collapse; width: 100%; margin: .3rem 0 1rem; }
th { text-align: left; font-weight: 600; color: #5a6675; border-bottom: 2px solid #d5dbe3; }
td, th { padding: .3rem .8rem .3rem 0; vertical-align: top; } td { border-bottom: 1px solid #e8ecf1; }
.number { text-align: right; } .ge-section { margin-top: 1.2rem; }
.ge-section > .row > div > table > tbody > tr > td:first-child { width: 5rem; }
i.text-success::before { content: "met"; color: #14713d; font-style: normal; }
i.text-danger::before { content: "not met"; color: #b3261e; font-style: normal; font-weight: 600; }
.badge { font-family: ui-monospace, monospace; }
@media (prefers-color-scheme: dark) { body { color: #e6eaf0; background: #14181f; }
  th { color: #9aa7b8; border-color: #3a4556; } td { border-color: #27303d; }
  i.text-success::before { color: #6fcf97; } i.text-danger::before { color: #ff8a80; } }
"""


def reference_page() -> str:
    """docs/reference/defects.md: the catalogue as people read it."""
    return _REFERENCE.format(
        count=len(DEFECTS),
        rows="\n".join(
            f"| `{defect.code}` | {defect.extract} | {defect.sentence} | {_treatment(defect)} |" for defect in DEFECTS
        ),
    )


def _treatment(defect: Defect) -> str:
    what = f"blank `{'`, `'.join(defect.blanks)}`" if defect.blanks else "drop the rows"
    if defect.code == "volume_collapsed":
        return f"quarantine below {defect.threshold:.0%}"
    if defect.treatment is Treatment.QUARANTINE:
        return "quarantine at once"
    return f"{what} up to {defect.threshold:.0%}, above it quarantine" if defect.threshold else what


_REFERENCE = """# Defects

Generated from `contracts/defects.py` by `tasks.checking.documents.reference_page`; a test holds the two together.

Every run counts {count} defects per tenant before anything is learned. *Drop*: the rows leave the run's files (the
database keeps them), the first 100 of each defect are listed in the lake under `dropped/`, all are counted. *Blank*:
the row stays, without the value that is wrong. *Quarantine*: the run leaves the tenant out and says why; its earlier
patterns stay in force, and the other tenants publish.

| code | rows of | they | treatment |
|---|---|---|---|
{rows}

Shares are of the tenant's rows in that extract. Rows dated after the run's real time are a broken clock: they are
dropped, enter no other count and never quarantine, since nothing later than as-of may change a result. Touches of a
dropped lead go with it, counted as `touches_of_dropped_leads`. Volume is held against the newest earlier run with the
same or an earlier as-of, where that had 100 rows or more; the next run with as few rows passes.

## Other thresholds

The quality table has one row a tenant: `leads` and `touches` (rows), a count under each code above, a share under
`<code>_share` where the treatment names one, `volume_vs_last_run`, and `touches_of_dropped_leads`. The Great
Expectations suite `store/expectations/quality.json` decides about it. Copy it, change thresholds or add expectations
about any of these columns, and name the copy in `LEARNBACK_EXPECTATIONS`; `meta.defect` is the code that the
quarantine reports. `learnback check --docs` shows what each expectation found.
"""
