"""Behind `learnback design …` and `learnback costs`: patterns from the store, a skill, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from rich.table import Table
from sqlalchemy import Engine

import settings as settings_module
from agents import asking, batches
from agents.asking import Claude
from agents.batches import Waiting
from agents.pricing import AS_OF
from agents.skills import campaign_generation, messaging_generator, sequence_builder
from cli import designs
from cli.agents import UNANSWERED
from cli.opening import open_store
from cli.terminal import console, errors, print_json
from contracts.agents import Ask, CostUnknown, SkillResult, Usage
from contracts.canonical import content_hash
from contracts.designs import Brief, CampaignDesign, Channel, DesignLimits, MessageSet, SequenceDesign
from contracts.errors import UserError
from contracts.learning import Incumbent
from contracts.refusal import Reason, Refusal
from engines import claims
from reports import words
from store import agent_ledger, book
from store import tenants as tenant_store
from store.agent_ledger import AgentLedger
from store.tenants import Tenant
from tasks import plan_touches

HASH_DIGITS = 12
"""Of a job's name: the same question is the same job."""

UNWANTED = Refusal(Reason.NO_KEY, got=0, wanted=0, detail="as asked")
"""Stands for Claude where rules were wanted."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed. offer: what is sold, in the user's words."""

    tenant: str
    offer: str
    rules: Path | None
    by_rules: bool
    later: bool
    as_json: bool


def sequence(wish: Wish) -> None:
    """Design a sequence and print it."""
    with _desk(wish, sequence_builder.READS) as desk:
        if wish.later:
            _fetch(desk, sequence_builder.NAME, sequence_builder.question(desk.brief), designs.show_sequence)
        else:
            _tell(desk, sequence_builder.build(desk.brief, desk.claude, desk.ledger), designs.show_sequence)


def messages(wish: Wish, channel: Channel, count: int, purpose: str) -> None:
    """Design message variants and print them."""
    with _desk(wish, messaging_generator.READS) as desk:
        if channel not in desk.brief.limits.rules.channels:
            raise UserError(
                f"the rules of {desk.tenant.name} leave no {channel}",
                wanted=f"they leave {', '.join(desk.brief.limits.rules.channels)}",
                do="Choose one of these, or give the channel a daily cap",
            )
        asked = (desk.brief, channel, count, purpose)
        if wish.later:
            _fetch(desk, messaging_generator.NAME, messaging_generator.question(*asked), designs.show_messages)
        else:
            _tell(desk, messaging_generator.build(*asked, desk.claude, desk.ledger), designs.show_messages)


def campaign(wish: Wish) -> None:
    """Design a campaign and print it."""
    with _desk(wish, campaign_generation.READS) as desk:
        if wish.later:
            _fetch(desk, campaign_generation.NAME, campaign_generation.question(desk.brief), designs.show_campaign)
        else:
            _tell(desk, campaign_generation.build(desk.brief, desk.claude, desk.ledger), designs.show_campaign)


def costs(tenant: str | None, days: int | None, *, as_json: bool) -> None:
    """Print what asking has cost."""
    engine = open_store(settings_module.load())
    only = tenant_store.resolve(engine, tenant).id if tenant else None
    since = datetime.now(UTC) - timedelta(days=days) if days else None
    spent = agent_ledger.spent(engine, only, since=since)
    if as_json:
        print_json([{**_plain(one), "cost_usd": str(one.cost_usd)} for one in spent])
        return
    if not spent:
        console.print("Claude has not been asked anything.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("tenant", "prompt", "model", "attempts", "tokens in", "cached", "out", "US dollars"):
        named = column in ("tenant", "prompt", "model")
        table.add_column(column, justify="left" if named else "right", no_wrap=column == "prompt", overflow="fold")
    for one in spent:
        table.add_row(
            one.tenant,
            one.prompt,
            one.model,
            str(one.attempts),
            f"{one.input_tokens:,}",
            f"{one.cache_read_tokens:,}",
            f"{one.output_tokens:,}",
            f"{one.cost_usd:.4f}",
        )
    console.print(table)
    unpriced = sum(one.unpriced for one in spent)
    console.print(f"{sum((one.cost_usd for one in spent), Decimal(0)):.4f} US dollars by the prices of {AS_OF}.")
    if unpriced:
        console.print(f"{unpriced} attempts are not in it: no answer told their tokens, or their model has no price.")


@dataclass(frozen=True, slots=True)
class _Desk:
    """Everything that a skill needs."""

    tenant: Tenant
    brief: Brief
    claude: Claude | Refusal
    ledger: AgentLedger
    as_json: bool


@contextmanager
def _desk(wish: Wish, patterns: tuple[str, ...]) -> Iterator[_Desk]:
    loaded = settings_module.load()
    limits = DesignLimits(plan_touches.rules_of(wish.rules))
    engine = open_store(loaded)
    tenant = tenant_store.resolve(engine, wish.tenant)
    known = claims.read(_heads(engine, tenant, patterns), datetime.now(UTC), patterns=patterns)
    claude = UNWANTED if wish.by_rules else asking.connect(loaded)
    desk = _Desk(tenant, Brief(known, limits, wish.offer), claude, AgentLedger(engine, tenant.id), wish.as_json)
    try:
        yield desk
    finally:
        if isinstance(claude, Claude):
            claude.client.close()


def _heads(engine: Engine, tenant: Tenant, patterns: tuple[str, ...]) -> dict[str, Incumbent]:
    found = {name: book.head(engine, tenant.id, name) for name in patterns}
    return {
        name: Incumbent(head.version, head.payload, valid_until=head.valid_until)
        for name, head in found.items()
        if head is not None
    }


def _tell(desk: _Desk, result: SkillResult[Any] | Refusal, show: Callable[[Any], None]) -> None:
    """The design and how it came about; a refusal on stderr, with an exit code of its own."""
    if isinstance(result, Refusal):
        errors.print(f"Claude gave no design: {words.REASONS[result.reason]} ({result.detail}).")
        errors.print("`--by-rules` designs from the patterns alone.")
        raise typer.Exit(UNANSWERED)
    if desk.as_json:
        print_json({"tenant": desk.tenant.name, **_document(result)})
        return
    console.print(f"{desk.tenant.name} · {result.skill.replace('_', ' ')}", style="bold")
    show(result.design)
    console.print()
    console.print(f"Rests on {designs.basis_told(result.basis)}.")
    for fact in claims.in_short(desk.brief.known):
        console.print(f"  {fact}", style="dim")
    console.print(f"Made by Claude, {result.prompt}." if result.made_by == "claude" else f"It was {result.without}.")
    if result.attempts:
        console.print(_spent_told(result))


def _fetch(desk: _Desk, skill: str, ask: Ask[Any], show: Callable[[Any], None]) -> None:
    """Ask in a batch, or fetch what the same question was answered."""
    if isinstance(desk.claude, Refusal):
        raise UserError(
            "`--later` asks Claude, and there is no key", do="Set LEARNBACK_ANTHROPIC_API_KEY, or leave `--later` out"
        )
    job = f"{skill}:{content_hash([ask.prompt.sha256, ask.content])[:HASH_DIGITS]}"
    outcome = batches.run(job, {skill: ask}, claude=desk.claude, ledger=desk.ledger, now=datetime.now(UTC))
    answer = outcome if isinstance(outcome, Refusal) else outcome[skill]
    if isinstance(answer, Waiting):
        if desk.as_json:
            print_json({"tenant": desk.tenant.name, "skill": skill, "waiting": answer.why})
        else:
            console.print(f"Not answered yet: {answer.why}. The same command fetches the answer.")
        return
    if isinstance(answer, Refusal):
        _tell(desk, answer, show)
        return
    basis = desk.brief.known.basis
    _tell(desk, SkillResult(skill=skill, design=answer, made_by="claude", basis=basis, prompt=ask.prompt.label), show)


def _spent_told(result: SkillResult[Any]) -> str:
    usage = sum((one.usage for one in result.attempts if one.usage), Usage())
    known = [one.cost for one in result.attempts if not isinstance(one.cost, CostUnknown)]
    unknown = len(result.attempts) - len(known)
    tail = f", and {unknown} attempts whose cost nobody knows" if unknown else ""
    return (
        f"{result.attempts[-1].model}, {len(result.attempts)} attempts: {usage.prompt:,} tokens in "
        f"({usage.cache_read:,} cached), {usage.output:,} out, {sum(known, Decimal(0)):.4f} US dollars{tail}."
    )


def _document(result: SkillResult[SequenceDesign] | SkillResult[MessageSet] | SkillResult[CampaignDesign]) -> Any:
    """The result for a script: money as text, so that nothing is rounded."""
    design: BaseModel = result.design
    return {
        "skill": result.skill,
        "made_by": result.made_by,
        "without": result.without,
        "prompt": result.prompt,
        "basis": [_plain(one) for one in result.basis],
        "design": design.model_dump(mode="json"),
        "attempts": [{**_plain(one), "cost": str(one.cost)} for one in result.attempts],
    }


def _plain(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}
