"""Notices: Slack's JSON, another attempt where that may help, and never the address in an error."""

from __future__ import annotations

import pytest

from adapters.webhook import MOST_LINES, Notice, send
from contracts.errors import SendError
from tests.webhooks import Inbox, inbox

__all__ = ["inbox"]

NOTICE = Notice("Learnback: 1 failing", ("A & <B>, how: failing",))


def test_a_notice_is_what_slack_takes(inbox: Inbox) -> None:
    send(inbox.address, NOTICE)
    (body,) = inbox.bodies
    assert body["text"] == "Learnback: 1 failing\n• A &amp; &lt;B&gt;, how: failing"
    assert [block["type"] for block in body["blocks"]] == ["section", "section"]
    assert body["blocks"][0]["text"] == {"type": "mrkdwn", "text": "*Learnback: 1 failing*"}


def test_a_flood_becomes_a_digest() -> None:
    body = Notice("many", tuple(f"line {n}" for n in range(500))).body()
    assert len(body["blocks"]) == MOST_LINES + 2
    assert "480 more" in body["text"]


@pytest.mark.parametrize("answers", [[500, 503], [429], [0, 500]])
def test_a_webhook_that_is_away_is_asked_again(inbox: Inbox, answers: list[int]) -> None:
    inbox.answers = list(answers)
    send(inbox.address, NOTICE, waits=(0.01, 0.01), seconds=0.3)
    assert len(inbox.bodies) == 1
    assert inbox.posts == len(answers) + 1


@pytest.mark.parametrize(("answers", "posts"), [([500] * 3, 3), ([404], 1), ([0] * 3, 3)])
def test_a_webhook_that_does_not_take_it_is_told_without_its_address(
    inbox: Inbox, answers: list[int], posts: int
) -> None:
    inbox.answers = list(answers)
    with pytest.raises(SendError) as fault:
        send(inbox.address, NOTICE, waits=(0.01, 0.01), seconds=0.2)
    assert inbox.posts == posts
    assert "secret-path" not in str(fault.value)
    assert "127.0.0.1" not in str(fault.value)
    assert "LEARNBACK_WEBHOOK_URL" in str(fault.value)


def test_nobody_listens() -> None:
    with pytest.raises(SendError, match="cannot be reached"):
        send("http://127.0.0.1:9/secret-path", NOTICE, waits=())
