"""Designs as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.padding import Padding
from rich.table import Table

from cli.terminal import console
from contracts.agents import Basis
from contracts.designs import CampaignDesign, Features, MessageSet, SequenceDesign, Variant
from contracts.refusal import Reason
from reports import words


def show_sequence(design: SequenceDesign) -> None:
    """One line a step."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("", "day", "channel", "on the lead's clock"):
        table.add_column(column, no_wrap=True)
    table.add_column("purpose", overflow="fold")
    for number, step in enumerate(design.steps, start=1):
        window = f"{step.weekday or 'any day'} {step.from_hour:02d}:00–{step.until_hour:02d}:00"
        table.add_row(str(number), str(step.day), step.channel, window, step.purpose)
    console.print(table)
    console.print(design.because)


def show_messages(design: MessageSet) -> None:
    """Each variant with the features that it declares."""
    _show_variants(design.variants)
    console.print(design.because)


def show_campaign(design: CampaignDesign) -> None:
    """Segments, sequence, messages, experiment."""
    console.print("Segments", style="bold")
    for segment in design.segments:
        whom = "everybody" if segment.level is None else f"{segment.column} = {segment.level}"
        console.print(f"  {segment.name}: {whom}. {segment.because}")
    console.print("Sequence", style="bold")
    show_sequence(design.sequence)
    console.print("Messages", style="bold")
    _show_variants(design.messages)
    console.print("Experiment", style="bold")
    experiment = design.experiment
    console.print(f"  {experiment.hypothesis}")
    console.print(
        f"  Judged by {experiment.outcome}; {experiment.holdout:.0%} of leads, drawn at random, are held out."
    )
    console.print(design.because)


def basis_told(basis: Iterable[Basis]) -> str:
    """`when version 3, how version 2; what: the published pattern has expired, …`."""
    listed = list(basis)
    found = ", ".join(f"{one.pattern} version {one.version}" for one in listed if one.version)
    missing = "; ".join(f"{one.pattern}: {words.REASONS[Reason(one.fallback)]}" for one in listed if not one.version)
    return "; ".join(part for part in (found, missing) if part)


def _show_variants(variants: Iterable[Variant]) -> None:
    for number, variant in enumerate(variants, start=1):
        console.print(f"{number} · {variant.channel} · {_features_told(variant.features)}")
        if variant.subject:
            console.print(Padding(f"Subject: {variant.subject}", (0, 4)))
        console.print(Padding(variant.body, (0, 4)))


def _features_told(features: Features) -> str:
    """Levels by name, and flags that are set."""
    declared = features.model_dump()
    levels = [str(value) for value in declared.values() if isinstance(value, str)]
    flags = [name.replace("_", " ") for name, value in declared.items() if value is True]
    return ", ".join(words.plain(part) for part in (*levels, *flags))
