"""Behind `learnback patterns …`: the pattern book as tables or JSON."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from sqlalchemy import Engine

import settings as settings_module
from algorithms import registry
from cli import payloads
from cli.opening import open_store
from cli.terminal import console, print_json
from contracts.errors import UserError
from contracts.learning import Ruling
from contracts.refusal import Reason
from reports import words
from store import book, verdicts
from store import tenants as tenant_store
from store.book import Version
from store.tenants import Tenant
from store.verdicts import Ruled

MOST_CHANGES = 40
"""Changed values that a terminal shows."""


def list_heads(tenant: str | None, *, as_json: bool) -> None:
    """Every tenant's pattern in force, or the newest reason why there is none."""
    engine = _engine()
    only = tenant_store.resolve(engine, tenant).id if tenant else None
    heads = {(head.tenant_id, head.pattern_type): head for head in book.list_heads(engine, only)}
    newest = {(v.tenant_id, v.pattern_type): v for v in verdicts.newest(engine, only)}
    if as_json:
        print_json({"heads": list(heads.values()), "verdicts": list(newest.values())})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("tenant", "type", "in force", "sure", "valid until"):
        table.add_column(column, no_wrap=True)
    table.add_column("newest run", overflow="fold")
    for key in sorted(heads.keys() | newest.keys(), key=lambda key: _name(key, heads, newest)):
        head, said = heads.get(key), newest.get(key)
        published = head is not None and head.version > 0
        table.add_row(
            _name(key, heads, newest)[0],
            key[1],
            f"version {head.version}" if published and head else "defaults",
            words.sureness(head.confidence) if published and head else "",
            _until(head.valid_until) if published and head else "",
            _in_words(said) if said else "",
        )
    console.print(table if table.row_count else "No patterns yet: `learnback learn` makes them.")


def show(tenant: str, pattern_type: str, version: int | None, *, as_json: bool) -> None:
    """One pattern in full."""
    engine = _engine()
    found = _find(engine, tenant_store.resolve(engine, tenant), _known(pattern_type), version)
    if as_json:
        print_json(found)
        return
    name = tenant_store.resolve(engine, tenant).name
    console.print(f"{name} · {found.pattern_type} · version {found.version}", style="bold")
    console.print(registry.learner(found.pattern_type).explain(found.payload))
    facts = {
        "learned from": f"{found.evidence.sample_size:,} {words.sampled(pattern_type)}, "
        f"{found.evidence.outcomes:,} outcomes "
        f"({'randomised' if found.evidence.randomised else 'observational: associations, not causes'})",
        "confidence": words.sureness(found.confidence),
        "as of": f"{found.window_end:%Y-%m-%d %H:%M} UTC",
        "code": found.code_version,
        "payload": found.payload_sha256[:16],
        "inputs": found.inputs_sha256[:16],
    }
    for name, value in facts.items():
        console.print(f"  {name:<13}{value}")
    for heading, part in (("Judged on", found.verdict.get("judged_on") or {}), ("Payload", found.payload)):
        console.print(f"\n{heading}", style="bold")
        console.print(payloads.drawn(part))


def diff(tenant: str, pattern_type: str, before: int | None, after: int | None, *, as_json: bool) -> None:
    """Values that differ between two versions, by their path in the payload."""
    engine = _engine()
    whose = tenant_store.resolve(engine, tenant)
    new = _find(engine, whose, _known(pattern_type), after)
    old_number = new.replaced if before is None else before
    old: Mapping[str, Any] = book.version(engine, whose.id, pattern_type, old_number).payload if old_number else {}
    left, right = dict(payloads.leaves(old)), dict(payloads.leaves(new.payload))
    changed = [
        {"path": path, "before": left.get(path), "after": right.get(path)}
        for path in sorted(dict.fromkeys((*right, *left)), key=_by_weight)
        if left.get(path) != right.get(path)
    ]
    if as_json:
        print_json({"before": old_number, "after": new.version, "changed": changed})
        return
    if not old_number:
        console.print(f"Version {new.version} replaced the defaults, which hold no payload: all of it is new.")
        console.print(registry.learner(pattern_type).explain(new.payload))
        return
    console.print(f"{whose.name} · {pattern_type}: from version {old_number} to version {new.version}")
    for change in changed[:MOST_CHANGES]:
        moved = f"{payloads.shown(change['before'])} → {payloads.shown(change['after'])}"
        console.print(f"  {change['path']}: {moved}")
    if len(changed) > MOST_CHANGES:
        console.print(f"  … and {len(changed) - MOST_CHANGES} more; --json gives all", style="dim")


def _by_weight(path: str) -> bool:
    """What is claimed before the many numbers of its levels."""
    return ".levels." in path


def history(tenant: str, pattern_type: str, *, as_json: bool) -> None:
    """All versions, newest first."""
    engine = _engine()
    whose = tenant_store.resolve(engine, tenant)
    versions = book.history(engine, whose.id, _known(pattern_type))
    head = book.head(engine, whose.id, pattern_type)
    in_force = head.version if head else book.DEFAULTS
    if as_json:
        print_json({"in_force": in_force, "versions": versions})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("", "version", "as of", "confidence", words.sampled(pattern_type), "outcomes", "says"):
        table.add_column(column, overflow="fold")
    for found in versions:
        table.add_row(
            "▶" if found.version == in_force else "",
            str(found.version),
            f"{found.window_end:%Y-%m-%d %H:%M}",
            words.sureness(found.confidence),
            f"{found.evidence.sample_size:,}",
            f"{found.evidence.outcomes:,}",
            registry.learner(pattern_type).explain(found.payload),
        )
    table.add_row("▶" if in_force == book.DEFAULTS else "", "0", "", "", "", "", "the documented defaults")
    console.print(table)


def rollback(tenant: str, pattern_type: str, to: int | None, reason: str) -> None:
    """Move the head back and say what is in force now."""
    engine = _engine()
    whose = tenant_store.resolve(engine, tenant)
    target = book.rollback(engine, whose.id, _known(pattern_type), to=to, actor=getpass.getuser(), reason=reason)
    named = f"version {target} is" if target else "the documented defaults are"
    console.print(f"{whose.name} · {pattern_type}: {named} in force again. Nothing was deleted.")


def _engine() -> Engine:
    return open_store(settings_module.load())


def _known(pattern_type: str) -> str:
    known = [learner.name for learner in registry.LEARNERS]
    if pattern_type not in known:
        raise UserError(f"there is no pattern type {pattern_type!r}", wanted=f"there is {', '.join(known)}")
    return pattern_type


def _find(engine: Engine, tenant: Tenant, pattern_type: str, version: int | None) -> Version:
    head = book.head(engine, tenant.id, pattern_type)
    number = version if version is not None else (head.version if head else book.DEFAULTS)
    if number == book.DEFAULTS:
        raise UserError(
            f"{tenant.name} has no {pattern_type} pattern in force: the documented defaults are",
            do="`learnback patterns list` says why; `--version` shows an older one",
        )
    return book.version(engine, tenant.id, pattern_type, number)


def _name(key: tuple[Any, str], heads: Mapping[Any, Any], newest: Mapping[Any, Any]) -> tuple[str, str]:
    return (heads.get(key) or newest[key]).tenant, key[1]


def _in_words(said: Ruled) -> str:
    """What the newest run ruled, and why."""
    ruled = words.RULINGS[Ruling(said.ruling)]
    if not said.reason:
        return ruled
    reason = Reason(said.reason)
    number = words.decided(reason, said.got, said.wanted)
    return f"{ruled}: {words.REASONS[reason]}{f' ({number})' if number else ''}"


def _until(moment: datetime | None) -> str:
    if moment is None:
        return ""
    return f"{moment:%Y-%m-%d}" + (" (expired)" if moment < datetime.now(UTC) else "")
