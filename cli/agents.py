"""`learnback design …` and `learnback costs`: what Claude is asked, and what that has cost."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

UNANSWERED = 1
"""Exit code where Claude was asked and gave nothing that could be used."""

app = typer.Typer(
    no_args_is_help=True,
    help="""Designs from what the patterns in force claim: by Claude where a key is set, by plain rules otherwise.

    Every design keeps the limits that `learnback plan` keeps. Nothing is sent, and nothing is written but costs.""",
)


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"
    LINKEDIN = "linkedin"
    VOICE = "voice"


Tenant = Annotated[str, typer.Argument(help="Name or id of the tenant.")]
Offer = Annotated[str, typer.Option("--brief", help="What is sold, and to whom, in your own words.")]
Rules = Annotated[Path | None, typer.Option(help="TOML file with limits, as `learnback plan` takes it.")]
ByRules = Annotated[bool, typer.Option("--by-rules", help="Ask no Claude, even where a key is set.")]
Later = Annotated[
    bool,
    typer.Option("--later", help="Ask at half the price, within a day; the same command again fetches the answer."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


@app.command()
def sequence(
    tenant: Tenant,
    brief: Offer = "",
    rules: Rules = None,
    by_rules: ByRules = False,
    later: Later = False,
    json: JsonOption = False,
) -> None:
    """A sequence of touches from WHEN and HOW: channels, days, windows on the lead's clock, purposes."""
    from cli import designing

    designing.sequence(designing.Wish(tenant, brief, rules, by_rules, later, json))


@app.command()
def messages(
    tenant: Tenant,
    channel: Annotated[Channel, typer.Option(help="Where they are sent.")] = Channel.EMAIL,
    count: Annotated[int, typer.Option(min=1, max=4, help="Variants; more than four cannot be compared.")] = 2,
    purpose: Annotated[str, typer.Option(help="What the message is to achieve.")] = "Begin a conversation",
    brief: Offer = "",
    rules: Rules = None,
    by_rules: ByRules = False,
    later: Later = False,
    json: JsonOption = False,
) -> None:
    """Message variants from WHAT, with their features declared, so that what converts can be learned from."""
    from cli import designing

    wish = designing.Wish(tenant, brief, rules, by_rules, later, json)
    designing.messages(wish, channel.value, count, purpose)


@app.command()
def campaign(
    tenant: Tenant,
    brief: Offer = "",
    rules: Rules = None,
    by_rules: ByRules = False,
    later: Later = False,
    json: JsonOption = False,
) -> None:
    """A campaign from all four patterns: segments, sequence, messages, and what it is to teach."""
    from cli import designing

    designing.campaign(designing.Wish(tenant, brief, rules, by_rules, later, json))


def costs(
    tenant: Annotated[str | None, typer.Argument(help="Name or id of the tenant; without it: all tenants.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Only of so many days back.")] = None,
    json: JsonOption = False,
) -> None:
    """What asking Claude has cost, by tenant, prompt and model; failed attempts included."""
    from cli import designing

    designing.costs(tenant, days, as_json=json)
