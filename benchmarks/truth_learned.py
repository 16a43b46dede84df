"""What our learners say of a batch of worlds: their whole path, summarise → learn → judge, every world a tenant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from algorithms.how import HOW
from algorithms.what import WHAT
from algorithms.when import WHEN
from benchmarks.level_frames import (
    AS_OF,
    FEATURE,
    Extracts,
    arm_key,
    how_extracts,
    tenant_id,
    what_extracts,
    when_extracts,
)
from benchmarks.truth_questions import NO_LEVEL, Answer
from contracts.how import NO_CHANNEL, HowPattern, next_key
from contracts.learning import Finding, Learner, LearningContext, Payload, Ruling
from contracts.levels import Comparison
from contracts.outcomes import CHANNELS
from contracts.what import WhatPattern
from contracts.when import WhenPattern, hour_key
from simulation.level_worlds import CHANNELS as CHANNELS_IN_USE
from simulation.level_worlds import HOUR, WEEKDAY, HowWorlds, LevelWorlds, WhatWorlds

CODE = "benchmark"

Read = Callable[[Payload], Mapping[str, Comparison | None]]


@dataclass(frozen=True)
class Learned:
    """published: (worlds,) the gate let it through, with no incumbent to beat. answers: by question."""

    published: np.ndarray[tuple[int], np.dtype[np.bool_]]
    answers: Mapping[str, Answer]


def learned(worlds: LevelWorlds) -> Learned:
    """One decision for every world of a batch."""
    learner, extracts, read, keys = _reading(worlds)
    context = LearningContext(AS_OF, CODE)
    given = {frame: rows for frame, rows in extracts.items() if frame in (*learner.reads, "tenants")}
    summary = learner.merge([learner.summarise(given, context)])
    findings = learner.learn(summary, context)
    verdicts = learner.judge(summary, findings, {}, context)
    tenants = [tenant_id(world) for world in range(worlds.conditions.worlds)]
    found = [findings.get(tenant) for tenant in tenants]
    patterns = [read(one.payload) if isinstance(one, Finding) else {} for one in found]
    published = np.array([tenant in verdicts and verdicts[tenant].ruling is Ruling.PUBLISH for tenant in tenants])
    answers = {question: _answer([pattern.get(question) for pattern in patterns], of) for question, of in keys.items()}
    return Learned(published, answers)


def _answer(comparisons: Sequence[Comparison | None], keys: Sequence[str]) -> Answer:
    gain = np.full((len(comparisons), len(keys)), np.nan)
    top = np.full(len(comparisons), NO_LEVEL)
    confidence = np.full(len(comparisons), np.nan)
    claimed = np.zeros(len(comparisons), np.bool_)
    place = {key: index for index, key in enumerate(keys)}
    for row, comparison in enumerate(comparisons):
        if comparison is None:
            continue
        for level in comparison.levels:
            if level.n and level.key in place:
                gain[row, place[level.key]] = level.gain
        top[row] = place[comparison.recommendation.key]
        confidence[row], claimed[row] = comparison.confidence, comparison.claimed
    return Answer(gain, top, confidence, claimed)


def _reading(worlds: LevelWorlds) -> tuple[Learner, Extracts, Read, dict[str, list[str]]]:
    """The learner, its frames, how its pattern is read, and the keys of each question's levels."""
    if isinstance(worlds, WhatWorlds):
        keys = {"levels": [arm_key(arm) for arm in range(worlds.levels)]}
        return WHAT, what_extracts(worlds), _read_what, keys
    if isinstance(worlds, HowWorlds):
        used = CHANNELS[:CHANNELS_IN_USE]
        pairs = [next_key(before, channel) for before in (*used, NO_CHANNEL) for channel in used]
        return HOW, how_extracts(worlds), _read_how, {"channels": list(used), "next_channel": pairs}
    keys = {"levels": [hour_key(int(hour)) for hour in 24 * WEEKDAY + HOUR]}
    return WHEN, when_extracts(worlds), _read_when, keys


def _read_what(payload: Payload) -> Mapping[str, Comparison | None]:
    return {"levels": WhatPattern.from_payload(payload).features.get(FEATURE)}


def _read_when(payload: Payload) -> Mapping[str, Comparison | None]:
    return {"levels": WhenPattern.from_payload(payload).hours}


def _read_how(payload: Payload) -> Mapping[str, Comparison | None]:
    pattern = HowPattern.from_payload(payload)
    return {"channels": pattern.channels, "next_channel": pattern.next_channel}
