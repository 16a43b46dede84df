"""One way to write a value as bytes, so that equal content has equal hashes on every machine and run."""

from __future__ import annotations

import hashlib
import json
from typing import Any

SIGNIFICANT_DIGITS = 9
"""Floats are written with this many significant digits: below the noise of any estimate here, above float32."""


def rounded(value: Any) -> Any:
    """The same structure with floats cut to SIGNIFICANT_DIGITS; raises ValueError on NaN and infinities."""
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(f"got {value} where a finite number was wanted: refuse instead of writing it")
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0.0  # + 0.0 turns -0.0 into 0.0
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return value


def canonical_json(value: Any) -> bytes:
    """Sorted keys, no spaces, UTF-8, floats cut to SIGNIFICANT_DIGITS."""
    return json.dumps(
        rounded(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def content_hash(value: Any) -> str:
    """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
