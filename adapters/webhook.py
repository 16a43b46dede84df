"""Notices to a webhook that takes Slack's JSON: `text` for those that show one line, `blocks` for those that show more.

The address is a secret (whoever knows it can post), so that no error, log or repr tells it.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from contracts.errors import SendError

SECONDS = 10.0
WAITS = (1.0, 4.0)
"""Seconds before the second and third attempt; a webhook that is away longer gets the next day's digest."""

MOST_LINES = 20
"""Lines of one notice; Slack takes 50 blocks and 3,000 characters in each."""

MOST_CHARACTERS = 2_900


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told. title: one sentence. lines: one fact each; those beyond MOST_LINES are counted, not told."""

    title: str
    lines: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        """The notice as Slack-compatible JSON."""
        told = [f"• {_plain(line)}" for line in self.lines[:MOST_LINES]]
        if len(self.lines) > MOST_LINES:
            told.append(f"… and {len(self.lines) - MOST_LINES} more: `learnback health` has all")
        blocks = [_section(f"*{_plain(self.title)}*"), *(_section(line) for line in told)]
        return {"text": "\n".join([_plain(self.title), *told])[:MOST_CHARACTERS], "blocks": blocks}


def send(address: str, notice: Notice, *, waits: Sequence[float] = WAITS, seconds: float = SECONDS) -> None:
    """Post the notice; raises SendError, without the address, once the last attempt has failed.

    Another attempt follows where the webhook is away, busy or broken for now (429, 5xx); a refusal is final.
    """
    request = urllib.request.Request(  # noqa: S310 - settings take http and https only
        address, data=json.dumps(notice.body()).encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    for wait in (*waits, None):
        fault, final = _attempt(request, seconds)
        if fault is None:
            return
        if final or wait is None:
            raise SendError(f"the webhook {fault}", do="Check LEARNBACK_WEBHOOK_URL; the notice was not delivered")
        time.sleep(wait)


def _attempt(request: urllib.request.Request, seconds: float) -> tuple[str | None, bool]:
    """What went wrong, if anything did, and whether it would again."""
    try:
        with urllib.request.urlopen(request, timeout=seconds) as reply:  # noqa: S310
            reply.read(1_024)
    except urllib.error.HTTPError as error:
        error.close()
        busy = error.code == HTTPStatus.TOO_MANY_REQUESTS or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
        return f"answered {error.code}", not busy
    except (OSError, ValueError) as error:  # URLError, time-outs and refused connections among them
        return f"cannot be reached ({type(getattr(error, 'reason', error)).__name__})", False
    return None, True


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:MOST_CHARACTERS]}}


def _plain(text: str) -> str:
    """Slack's three characters of markup, escaped: names are customers' words."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
