"""Prompt files: `prompts/NAME.md`, each with its version in front. What was sent is told by name, version and hash.

A prompt is the static part of a question, the same for every tenant, so that Claude can cache it. Whoever changes a
file raises its version; a test holds the two together.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from contracts.agents import Prompt

FOLDER = Path(__file__).parent / "prompts"
FENCE = "---\n"


@cache
def load(name: str) -> Prompt:
    """The prompt of that name; raises ValueError where its front matter names no version."""
    content = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    empty, front, text = content.split(FENCE, 2) if content.startswith(FENCE) else ("", "", content)
    fields = dict(line.split(": ", 1) for line in front.splitlines() if ": " in line)
    if empty or not fields.get("version", "").isdecimal():
        raise ValueError(f"prompt {name} begins without `version: N` between two lines of ---")
    return Prompt(name, int(fields["version"]), text.strip(), hashlib.sha256(content.encode()).hexdigest())
