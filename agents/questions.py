"""From a question to the request that is sent: the static part first and cached, the rest after it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from agents import prompts
from contracts.agents import Answer, Ask

REPAIR = "repair"
EMPTY = "(nothing)"  # an assistant's turn may not be empty


def request(ask: Ask[Answer], model: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """What `messages.create` takes. schema: of the reply, in the dialect that Claude takes (client.schema)."""
    return {
        "model": model,
        "max_tokens": ask.max_tokens,
        "system": [{"type": "text", "text": ask.prompt.text, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": ask.content}],
        "output_config": {"format": {"type": "json_schema", "schema": dict(schema)}},
    }


def repair(sent: Mapping[str, Any], text: str, faults: Sequence[str]) -> dict[str, Any]:
    """The request once more, with the answer that it got and what is wrong with that."""
    told = prompts.load(REPAIR).text.format(faults="\n".join(f"- {fault}" for fault in faults))
    return {
        **sent,
        "messages": [
            *sent["messages"],
            {"role": "assistant", "content": text.strip() or EMPTY},
            {"role": "user", "content": told},
        ],
    }


def label(ask: Ask[Answer], *, repaired: bool) -> tuple[str, str]:
    """Names, versions and hash of the prompt files that an attempt sent."""
    if not repaired:
        return ask.prompt.label, ask.prompt.sha256
    added = prompts.load(REPAIR)
    both = hashlib.sha256(f"{ask.prompt.sha256}{added.sha256}".encode()).hexdigest()
    return f"{ask.prompt.label}+{added.label}", both
