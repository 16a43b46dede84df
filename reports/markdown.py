"""The same run for the Prefect UI: a markdown artifact with pictures, and rounded rows for a table artifact.

Pictures are SVG in data URIs: both of Prefect's UIs show them, sharp on every screen, at a fifth of a bitmap's bytes.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from contracts.learning import Ruling
from contracts.runs import Outcome
from reports import page, run_figures, truth, unchanged, words
from reports.chapter import Chapter, Section
from reports.charts import Figure
from reports.planted import Claim
from reports.records import ReportInput, by_tenant, learners

MOST_BYTES = 300_000
"""Most bytes of all pictures together, as data URIs: the artifact lives in Prefect's database, run after run."""

MOST_LINES = 30
"""Most rows in a table of the markdown; the page has all of them."""

PICTURES = 2
"""Pictures of a section whose pictures stand in pairs, such as a week and its best hours; of others, one."""

HUES = {
    "learned": "blue", "default": "grey", "planted": "orange", "publish": "green", "hold": "ochre", "refuse": "violet",
    "ink": "black",
}  # fmt: skip
"""What people call the palette's colours."""

Cell = str | int | float | None


def markdown(record: ReportInput) -> str:
    """Markdown with pictures as SVG data URIs, at most MOST_BYTES in all."""
    report = record.report
    parts = [f"# {words.result(report)}", _facts(record), *_verdicts(record)]
    comparison = truth.compare(record)
    if comparison:
        parts += ["## Learned beside planted", truth.in_words(comparison)]
        parts += [_claims(found)] if (found := truth.claims(record)) else []
    for chapter in _fitting(page.chapters(record), _run_chapter(record)):
        parts += list(_chapter(chapter))
    return "\n\n".join(parts) + "\n"


def table(record: ReportInput) -> list[dict[str, Cell]]:
    """One row a tenant and learner, numbers rounded: Prefect's table artifact shows floats as they are."""
    rows: list[dict[str, Cell]] = [
        {
            "tenant": outcome.tenant,
            "learner": outcome.learner,
            "ruling": words.RULINGS[outcome.ruling],
            "confidence": _rounded(outcome.confidence),
            "sample": outcome.sample_size,
            "outcomes": outcome.outcomes,
            "version in force": outcome.version,
            "says or why": _because(record, outcome),
        }
        for outcome in record.report.outcomes
    ]
    return rows + [
        {
            "tenant": left.tenant,
            "learner": "",
            "ruling": words.QUARANTINED,
            "confidence": None,
            "sample": None,
            "outcomes": None,
            "version in force": None,
            "says or why": left.reason,
        }
        for left in record.report.quarantined
    ]


def _rounded(value: float | None) -> float | None:
    return round(value, 3) if value is not None and words.finite(value) else None


def _because(record: ReportInput, outcome: Outcome) -> str:
    tenant = record.tenants.get(outcome.tenant_id)
    said = tenant.said.get(outcome.learner) if tenant else None
    return words.because(outcome, said.verdict.refusal if said and said.verdict else None) or outcome.explained


def _facts(record: ReportInput) -> str:
    report = record.report
    facts = [f"As of {words.day(report.as_of)}, {report.as_of:%H:%M} UTC"]
    facts += [f"{words.count(rows)} {name}" for name, rows in report.rows.items()]
    if report.seconds:
        facts.append(words.duration(sum(report.seconds.values())))
    if report.html:
        facts.append(f"page: `{report.html}`")
    return " · ".join(facts)


def _verdicts(record: ReportInput) -> Iterator[str]:
    """Tenants × learners: ruling and confidence; then what is new, and why the rest did not change."""
    report, names = record.report, learners(record.report)
    told = by_tenant(report)
    rows = [
        [_plain(next(iter(outcomes.values())).tenant), *(_ruled(outcomes.get(name)) for name in names)]
        for outcomes in told
    ]
    rows += [[_plain(left.tenant), words.QUARANTINED] for left in report.quarantined]
    yield _table(["Tenant", *(name.capitalize() for name in names)], rows)
    new = [outcomes[name] for outcomes in told for name in names if name in outcomes]
    yield from _listed(
        "New", [f"{o.tenant}, {o.learner}: {o.explained}" for o in new if o.ruling is Ruling.PUBLISH][:MOST_LINES]
    )
    reasons = [f"{one.patterns} {one.why}: {one.whose}" for one in unchanged.by_reason(report)]
    left_out = [f"{words.QUARANTINED}: {left.tenant}: {left.reason}" for left in report.quarantined]
    yield from _listed("Why nothing changed", reasons + left_out)


def _ruled(outcome: Outcome | None) -> str:
    """`**published** 98 %`; the UI does not wrap the cells of a table, so that no more fits."""
    if outcome is None:
        return words.DASH
    ruling, sure = words.RULINGS[outcome.ruling], words.sureness(outcome.confidence)
    told = f"{ruling} {sure}".removesuffix(f" {words.DASH}")
    return told.replace(ruling, f"**{ruling}**") if outcome.ruling is Ruling.PUBLISH else told


def _listed(heading: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield f"### {heading}"
        yield "\n".join(f"- {_plain(item)}" for item in items)


def _claims(found: Sequence[Claim]) -> str:
    rows = [
        [
            _plain(claim.tenant), _plain(claim.in_words),
            words.change(claim.gain), words.change(claim.truth), "yes" if claim.right else "**no**",
        ]
        for claim in found
    ]  # fmt: skip
    told = truth.claims_in_words(list(found))
    return f"{told}\n\n{_table(['Tenant', 'Claims', 'Learned', 'Planted', 'True?'], rows)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows[:MOST_LINES])]
    hidden = len(rows) - MOST_LINES
    return "\n".join(lines) + (f"\n\n… and {hidden} more in the page." if hidden > 0 else "")


def _chapter(chapter: Fitting) -> Iterator[str]:
    """A chapter with those of its pictures that fit, each with what to see in it."""
    if chapter.sections or chapter.of.caveats:
        yield f"## {_plain(chapter.of.title)}"
    for section, pictures in chapter.sections:
        if section.heading:
            yield f"### {_plain(section.heading)}"
            yield _plain(f"{section.text} {_key(section)}".strip())
        for figure, uri in pictures:
            yield f"**{_plain(figure.title)}**\n\n![{_plain(figure.alt)}]({uri})"
    if chapter.of.caveats:
        yield "\n".join(f"- {_plain(caveat)}" for caveat in chapter.of.caveats)


def _key(section: Section) -> str:
    """The legend in words: `Blue dot: claimed; grey ring: not claimed.` Shades are told by the text."""
    named = [f"{HUES[role]} {shape or 'square'}: {what}" for role, shape, what in section.legend if shape != "step"]
    told = "; ".join(named)
    return f"{told[:1].upper()}{told[1:]}." if told else ""


@dataclass(frozen=True, slots=True)
class Fitting:
    """A chapter, and of each of its sections the pictures that fit, as data URIs."""

    of: Chapter
    sections: list[tuple[Section, list[tuple[Figure, str]]]]


def _fitting(chapters: Sequence[Chapter], run: Chapter) -> list[Fitting]:
    """The first row of pictures of every section, as far as MOST_BYTES go: first sections of all chapters first."""
    left = MOST_BYTES
    drawn: dict[tuple[str, str], list[tuple[Figure, str]]] = {}
    told = [*chapters, run]
    for section_of_each in zip_longest(*([(one, section) for section in one.sections] for one in told)):
        for chapter, section in filter(None, section_of_each):
            drawn[chapter.anchor, section.heading] = pictures = []
            for figure in section.figures[: PICTURES if section.columns == 2 else 1]:
                uri = "data:image/svg+xml;base64," + base64.b64encode(figure.image().encode()).decode()
                if len(uri) <= left:
                    left -= len(uri)
                    pictures.append((figure, uri))
    return [
        Fitting(one, [(section, found) for section in one.sections if (found := drawn[one.anchor, section.heading])])
        for one in told
    ]


def _run_chapter(record: ReportInput) -> Chapter:
    """What each stage took."""
    seconds = record.report.seconds
    return Chapter("run", "The run", "", (Section("", "", (run_figures.stages(seconds),)),) if seconds else ())


def _plain(text: str) -> str:
    """Text that means nothing to markdown or HTML: names come from customers."""
    for character in "\\`*_[]|#~":
        text = text.replace(character, f"\\{character}")
    return text.replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
