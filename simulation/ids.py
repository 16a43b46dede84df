"""Ids that a seed decides: equal seeds give equal uuids, and tenants do not share streams of randomness."""

from __future__ import annotations

from typing import Literal
from uuid import NAMESPACE_OID, UUID, uuid5

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Stream = Literal["agency", "truth", "leads", "touches", "ids"]
_STREAMS: tuple[Stream, ...] = ("agency", "truth", "leads", "touches", "ids")


def stream(seed: int, name: Stream, tenant: int = 0) -> np.random.Generator:
    """A generator of its own for each part of each tenant, so that one part may draw more without moving another."""
    return np.random.default_rng((seed, _STREAMS.index(name), tenant))


def tenant_uuid(seed: int, tenant: int) -> UUID:
    return uuid5(NAMESPACE_OID, f"learnback/world/{seed}/tenant/{tenant}")


def random_uuids(rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    """(count, 16) bytes that are valid random (version 4) uuids."""
    raw = rng.integers(0, 256, (count, 16), dtype=np.uint8)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    return raw


def binary_series(name: str, raw: NDArray[np.uint8]) -> pl.Series:
    """(n, 16) bytes as a Polars Binary column, without a Python object per row."""
    raw = np.ascontiguousarray(raw)
    array = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(raw), [None, pa.py_buffer(raw)])
    return pl.Series(name, array.cast(pa.large_binary()))
