"""Which arm, and with what probability? Lots that can be drawn again, with propensities that are exact.

    p_k = ε/K + (1−ε) · P(k best)        over the K feasible arms, P(k best) renormalised among them

The arm is the inverse CDF of p at a keyed hash of (policy, question, lead, touch): nobody can choose the lot, and all
can repeat it. Arms always stand in one order (channels as in CHANNELS, gaps as in GAP_BINS, hours by time), and sums
run in that order, so that one lead and a frame of leads get the same bits.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from contracts.allocation import Exploration, Policy

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TELLING = 0.05
"""Share of P(best) that the feasible arms must hold together. Below it the best level of all is among those that cannot
be had, what is left is a few of 512 draws, and the arm with the largest gain stands in for them."""

UNKNOWN = -math.inf
"""Gain of an arm that the pattern does not know."""

BITS = 53  # of the hash; what a float holds exactly


def policy(how_version: int, when_version: int, exploration: Exploration | None) -> Policy:
    """`how3 when5 explore.1 salt4c1f9a`: touches with one such text were chosen by one rule from their feasible sets.

    A version of 0 stands for the defaults. The salt is told by its hash.
    """
    drawn = f"explore{exploration.share:g} salt{_salt_id(exploration.salt)}" if exploration else "greedy"
    return Policy(f"how{how_version} when{when_version} {drawn}", exploration)


def probabilities(p_best: Sequence[float], gain: Sequence[float], exploration: Exploration | None) -> list[float]:
    """(K,) probabilities of the feasible arms, summing to 1. p_best, gain: (K,) of each, 0 and UNKNOWN where not known.

    Without exploration all falls on the largest gain, ties on the first arm.
    """
    total = _sum(p_best)
    if exploration is None or total < TELLING:
        best = max(range(len(gain)), key=gain.__getitem__)
        share = [1.0 if arm == best else 0.0 for arm in range(len(gain))]
    else:
        share = [p / total for p in p_best]
    if exploration is None:
        return share
    return [exploration.share / len(share) + (1.0 - exploration.share) * each for each in share]


def probabilities_frame(p_best: Floats, gain: Floats, feasible: Bools, exploration: Exploration | None) -> Floats:
    """(rows, arms) the same for many rows, each with its own feasible arms; 0 where an arm is not feasible."""
    share = np.where(feasible, p_best, 0.0)
    total = np.cumsum(share, axis=1)[:, -1:]
    greedy = np.zeros_like(share)
    best = np.argmax(np.where(feasible, np.maximum(gain, np.finfo(float).min), UNKNOWN), axis=1)
    np.put_along_axis(greedy, best[:, None], 1.0, axis=1)
    if exploration is None:
        return greedy
    share = np.where(total < TELLING, greedy, share / np.maximum(total, TELLING))
    even = exploration.share / np.maximum(feasible.sum(axis=1, keepdims=True), 1)
    return np.where(feasible, even + (1.0 - exploration.share) * share, 0.0)


def tried(chance: float, arms: int, exploration: Exploration | None) -> bool:
    """Whether an arm of this probability owes more of it to the even part than to being perhaps the best."""
    return exploration is not None and chance < 2.0 * exploration.share / arms


def tried_frame(chance: Floats, arms: NDArray[np.intp], exploration: Exploration | None) -> Bools:
    """(rows,) the same for many rows."""
    return np.zeros(len(chance), bool) if exploration is None else chance < 2.0 * exploration.share / arms


def even(count: int) -> list[float]:
    """(K,) equal probabilities: what spreads touches where nothing is known."""
    return [1.0 / count] * count


def even_frame(feasible: Bools) -> Floats:
    """(rows, arms) equal probabilities of each row's feasible arms."""
    return np.where(feasible, 1.0 / np.maximum(feasible.sum(axis=1, keepdims=True), 1), 0.0)


def lot(rule: Policy, question: str, lead: bytes, touch: int) -> float:
    """A number in [0, 1): the same for ever for one policy, question, lead (16 bytes) and touch number."""
    return float(lots(rule, question, [lead], [touch])[0])


def lots(rule: Policy, question: str, leads: Iterable[bytes], touches: Iterable[int]) -> Floats:
    """(rows,) lots: BLAKE2b of policy version, question, lead and touch number, keyed by the salt."""
    key = rule.exploration.salt.encode() if rule.exploration else b""
    begun = blake2b(f"{rule.version}|{question}|".encode(), digest_size=8, key=key)
    digests = bytearray()
    for lead, touch in zip(leads, touches, strict=True):
        drawn = begun.copy()
        drawn.update(lead + struct.pack(">I", touch))
        digests += drawn.digest()
    return (np.frombuffer(bytes(digests), ">u8") >> np.uint64(64 - BITS)).astype(np.float64) / 2.0**BITS


def draw(chances: Sequence[float], at: float) -> int:
    """The arm at which the running sum of (K,) probabilities first exceeds the lot."""
    reached = 0.0
    for arm, chance in enumerate(chances):
        reached += chance
        if at < reached:
            return arm
    return max(arm for arm, chance in enumerate(chances) if chance > 0.0)  # the sum fell short of 1 by rounding


def draw_frame(chances: Floats, at: Floats) -> NDArray[np.intp]:
    """(rows,) the arm of each row of (rows, arms) probabilities."""
    passed = (np.cumsum(chances, axis=1) <= at[:, None]).sum(axis=1)
    last = chances.shape[1] - 1 - np.argmax((chances > 0.0)[:, ::-1], axis=1)
    arms: NDArray[np.intp] = np.minimum(passed, last)
    return arms


def _sum(values: Sequence[float]) -> float:
    """From left to right, as np.cumsum does."""
    total = 0.0
    for value in values:
        total += value
    return total


def _salt_id(salt: str) -> str:
    return blake2b(salt.encode(), digest_size=3).hexdigest()
