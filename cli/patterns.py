"""`learnback patterns …`: read what was published, compare versions, take one back."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="""Published patterns: what engines read now, what was in force before, and how to take one back.

    Versions are immutable. Version 0 stands for the documented defaults.""",
)

Tenant = Annotated[str, typer.Argument(help="Name or id of the tenant.")]
Type = Annotated[str, typer.Argument(metavar="TYPE", help="Kind of pattern, for example who.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="Only this tenant (name or id).")] = None,
    json: JsonOption = False,
) -> None:
    """Every tenant's pattern in force, or why there is none."""
    from cli import book

    book.list_heads(tenant, as_json=json)


@app.command()
def show(
    tenant: Tenant,
    type_: Type,
    version: Annotated[int | None, typer.Option(help="This version instead of the one in force.")] = None,
    json: JsonOption = False,
) -> None:
    """One pattern: what it says, on what evidence, how it was judged, until when it is valid."""
    from cli import book

    book.show(tenant, type_, version, as_json=json)


@app.command()
def diff(
    tenant: Tenant,
    type_: Type,
    before: Annotated[int | None, typer.Argument(help="Older version; without it the one before `after`.")] = None,
    after: Annotated[int | None, typer.Argument(help="Newer version; without it the one in force.")] = None,
    json: JsonOption = False,
) -> None:
    """What changed between two versions, value by value."""
    from cli import book

    book.diff(tenant, type_, before, after, as_json=json)


@app.command()
def history(tenant: Tenant, type_: Type, json: JsonOption = False) -> None:
    """All versions of one pattern, newest first, with their evidence; the one in force is marked."""
    from cli import book

    book.history(tenant, type_, as_json=json)


@app.command()
def rollback(
    tenant: Tenant,
    type_: Type,
    to: Annotated[
        int | None, typer.Option(help="Version to return to; 0 = defaults. Without it: the one before.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "rolled back by an operator",
) -> None:
    """Move the head back. Engines follow at once; nothing is deleted; the audit log keeps who and why."""
    from cli import book

    book.rollback(tenant, type_, to, reason)
