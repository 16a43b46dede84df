"""The same run for the Prefect UI: a markdown artifact with small pictures, and rounded rows for a table artifact."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from contracts.learning import Ruling
from contracts.runs import Outcome
from reports import page, run_figures, truth, words
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

SCALE = 1.5  # bitmap pixels per pixel: sharp on a dense screen, and a dozen pictures fit

Cell = str | int | float | None


def markdown(record: ReportInput) -> str:
    """Markdown with pictures as PNG data URIs, at most MOST_BYTES in all."""
    report = record.report
    parts = [f"# {words.result(report)}", _facts(record), _verdicts(record)]
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


def _verdicts(record: ReportInput) -> str:
    """Tenants × learners: ruling and confidence; what the new ones say is in the table artifact, and on the page."""
    report = record.report
    names = learners(report)
    rows = [
        [_plain(next(iter(outcomes.values())).tenant), *(_ruled(outcomes.get(name)) for name in names)]
        for outcomes in by_tenant(report)
    ]
    rows += [[_plain(left.tenant), f"{words.QUARANTINED}: {_plain(left.reason)}"] for left in report.quarantined]
    return _table(["Tenant", *(name.capitalize() for name in names)], rows)


def _ruled(outcome: Outcome | None) -> str:
    """`**published** 98 %: authority 34 %, …`, or why nothing changed."""
    if outcome is None:
        return words.DASH
    ruling, sure = words.RULINGS[outcome.ruling], words.sureness(outcome.confidence)
    if outcome.ruling is Ruling.PUBLISH:
        return f"**{ruling}** {sure}: {_plain(words.opening(outcome.explained))}"
    return f"{ruling} {sure}: {_plain(words.briefly(outcome))}"


def _claims(found: Sequence[Claim]) -> str:
    rows = [
        [
            _plain(claim.tenant), _plain(f"{claim.asked}: {claim.in_words}"),
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
    yield f"## {_plain(chapter.of.title)}"
    for section, pictures in chapter.sections:
        if section.heading:
            yield f"### {_plain(section.heading)}"
            yield _plain(section.text)
        for figure, uri in pictures:
            yield f"**{_plain(figure.title)}**\n\n![{_plain(figure.alt)}]({uri})"
    if chapter.of.caveats:
        yield "\n".join(f"- {_plain(caveat)}" for caveat in chapter.of.caveats)


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
                uri = "data:image/png;base64," + base64.b64encode(figure.png(SCALE)).decode()
                if len(uri) <= left:
                    left -= len(uri)
                    pictures.append((figure, uri))
    return [
        Fitting(one, [(section, found) for section in one.sections if (found := drawn[one.anchor, section.heading])])
        for one in told
    ]


def _run_chapter(record: ReportInput) -> Chapter:
    """What each stage took, and how much evidence it takes: pictures of the run itself."""
    stages = (run_figures.stages(record.report.seconds),) if record.report.seconds else ()
    evidence = page.evidence(record)
    sections = (
        Section("How much evidence it takes", page.EVIDENCE, tuple(evidence[:PICTURES]), columns=2),
        Section("The run", "", stages),
    )
    return Chapter("run", "Evidence and run", "", tuple(section for section in sections if section.figures))


def _plain(text: str) -> str:
    """Text that means nothing to markdown or HTML: names come from customers."""
    for character in "\\`*_[]|#~":
        text = text.replace(character, f"\\{character}")
    return text.replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
