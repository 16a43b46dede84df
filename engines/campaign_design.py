"""A campaign from all four patterns: whom, with which touches and texts, and what it lets us learn."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.designs import Brief, CampaignDesign, DesignLimits, Experiment, Known, Segment
from engines import message_check, message_design, sequence_design

EVERYBODY = Segment(
    name="All leads", column="all", level=None, because="WHO tells no group of leads from the others yet."
)
USUAL_HOLDOUT = 0.10
VARIANTS = 2
"""Texts a channel: the fewest that can be compared."""


def design(brief: Brief) -> CampaignDesign:
    """The plain campaign: segments that convert better, the sequence by rules, two texts a channel, a held-out part."""
    known, limits = brief.known, brief.limits
    sequence = sequence_design.design(known, limits)
    channels = dict.fromkeys(step.channel for step in sequence.steps)
    messages = tuple(
        variant for channel in channels for variant in message_design.design(known, channel, VARIANTS).variants
    )
    return CampaignDesign(
        name="By rules",
        segments=_segments(known),
        sequence=sequence,
        messages=messages,
        experiment=Experiment(
            hypothesis="Leads of these segments convert more often with this sequence than without any touch.",
            outcome="conversion",
            holdout=min(max(USUAL_HOLDOUT, limits.holdout[0]), limits.holdout[1]),
        ),
        because="Segments by WHO, touches by WHEN and HOW, texts by WHAT, each as far as it claims something.",
    )


def faults(proposed: CampaignDesign, brief: Brief) -> Iterator[str]:
    """What is held against a campaign: its parts by their own checks, and whether they fit together."""
    limits = brief.limits
    for segment in proposed.segments:
        yield from _segment_faults(segment, brief.known)
    if len({segment.name for segment in proposed.segments}) < len(proposed.segments):
        yield "Two segments have the same name."
    yield from sequence_design.faults(proposed.sequence, limits)
    yield from message_check.faults(proposed.messages, limits)
    used = dict.fromkeys(step.channel for step in proposed.sequence.steps)
    written = {variant.channel for variant in proposed.messages}
    for channel in used:
        if channel not in written:
            yield f"The sequence uses {channel}, and no message is written for it."
    for channel in sorted(written - used.keys()):
        yield f"A message is written for {channel}, which the sequence does not use."
    yield from _experiment_faults(proposed.experiment, limits)


def _segments(known: Known) -> tuple[Segment, ...]:
    found = tuple(
        Segment(
            name=f"{one.dimension} {one.level}",
            column=one.dimension,  # type: ignore[arg-type]  # WHO compares these columns and no others
            level=one.level,
            because=f"{one.s} of {one.n} converted, more often than the tenant's other leads.",
        )
        for one in known.segments
    )
    return found or (EVERYBODY,)


def _segment_faults(segment: Segment, known: Known) -> Iterator[str]:
    if segment.column == "all":
        if segment.level is not None:
            yield f"Segment {segment.name} addresses everybody, so its level must be null."
    elif segment.level is None:
        yield f"Segment {segment.name} names no level of {segment.column}."
    elif segment.level not in (seen := known.columns.get(segment.column, frozenset())):
        listed = ", ".join(sorted(seen)) or "none"
        yield f"Segment {segment.name}: WHO knows no {segment.column} {segment.level!r}; it knows {listed}."


def _experiment_faults(experiment: Experiment, limits: DesignLimits) -> Iterator[str]:
    low, high = limits.holdout
    if not low <= experiment.holdout <= high:
        yield f"{experiment.holdout:.0%} of leads are held out, and {low:.0%} to {high:.0%} are wanted."
