"""What was computed is not computed twice in one process: learning asks for what the population was learned from.

Bounded, oldest use first out; safe under threads, which at worst compute the same bytes twice.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import lru_cache
from hashlib import sha256

import numpy as np

from algorithms.evidence.config import EvidenceConfig
from algorithms.evidence.posterior import Question, Slab

KEPT = 20_000
"""Posteriors remembered; at five levels about 20 MB, at a hundred 100 MB."""

_lock = threading.Lock()
_slabs: OrderedDict[bytes, Slab] = OrderedDict()


def key_of(question: Question, config: EvidenceConfig) -> bytes:
    """Equal for equal questions under equal settings, and for no others."""
    digest = sha256(f"{question.u.shape} {question.rho} {_written(config)}".encode())
    for array in (question.u, question.v, question.factor, question.mix, question.seen, question.groups):
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def recall(key: bytes) -> Slab | None:
    with _lock:
        slab = _slabs.get(key)
        if slab is not None:
            _slabs.move_to_end(key)
        return slab


def remember(key: bytes, slab: Slab) -> None:
    with _lock:
        _slabs[key] = slab
        _slabs.move_to_end(key)
        while len(_slabs) > KEPT:
            _slabs.popitem(last=False)


def forget() -> None:
    """Start anew, as a fresh process would."""
    with _lock:
        _slabs.clear()


_written = lru_cache(maxsize=64)(repr)
