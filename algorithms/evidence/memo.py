"""What was computed is not computed twice in one process: learning asks for what the population was learned from.

Bounded, oldest use first out; safe under threads, which at worst compute the same bytes twice.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import lru_cache
from hashlib import sha256
from typing import Generic, TypeVar

import numpy as np

from algorithms.evidence.config import EvidenceConfig
from algorithms.evidence.posterior import Question, Slab

KEPT = 50_000
"""Posteriors remembered, a learner's of some 5,000 rich tenants; at five levels about 50 MB, at a hundred 250 MB."""

V = TypeVar("V")


class Memo(Generic[V]):
    """Answers by key. Keys must say everything that the answer follows from."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._answers: OrderedDict[bytes, V] = OrderedDict()

    def recall(self, key: bytes) -> V | None:
        with self._lock:
            answer = self._answers.get(key)
            if answer is not None:
                self._answers.move_to_end(key)
            return answer

    def remember(self, key: bytes, answer: V) -> None:
        with self._lock:
            self._answers[key] = answer
            self._answers.move_to_end(key)
            while len(self._answers) > self._kept:
                self._answers.popitem(last=False)

    def forget(self) -> None:
        """Start anew, as a fresh process would."""
        with self._lock:
            self._answers.clear()


SLABS: Memo[Slab] = Memo(KEPT)


def key_of(question: Question, config: EvidenceConfig) -> bytes:
    """Equal for equal questions under equal settings, and for no others."""
    digest = sha256(f"{question.u.shape} {question.rho} {_written(config)}".encode())
    for array in (question.u, question.v, question.factor, question.mix, question.seen, question.groups):
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


_written = lru_cache(maxsize=64)(repr)
