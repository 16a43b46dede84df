"""`learnback tokens …`: who may ask over HTTP, for whom, until when."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from store.tokens import Token

app = typer.Typer(
    no_args_is_help=True,
    help="""Tokens of the HTTP interface (`learnback serve`): who may ask, for which tenant, until when.

- `reader` reads patterns
- `operator` also starts learning runs
- `admin` also starts backfills

A token is shown once, when it is made: the store keeps only its hash. Make one for each program that asks, so that
one can be revoked without the others.""",
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


class RoleName(StrEnum):
    READER = "reader"
    OPERATOR = "operator"
    ADMIN = "admin"


@app.command()
def create(
    tenant: Annotated[
        str | None, typer.Option("--tenant", "-t", help="Name or id of the one tenant that it opens.")
    ] = None,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="It opens every tenant instead.")] = False,
    role: Annotated[RoleName, typer.Option(help="What it may do.")] = RoleName.READER,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days until it expires.")] = 90,
    purpose: Annotated[str, typer.Option(help="What it is for: stands in the list and in the audit log.")] = "",
    json: JsonOption = False,
) -> None:
    """Make a token. Only the token goes to stdout: `TOKEN=$(learnback tokens create -t "Northwind Dental")`."""
    import getpass
    from dataclasses import asdict
    from datetime import timedelta

    import settings
    from cli.opening import open_store
    from cli.terminal import errors, print_json
    from contracts.errors import UserError
    from store import tenants, tokens

    if (tenant is None) != all_tenants:
        raise UserError(
            "a token opens one tenant or all of them",
            do="Say which: `--tenant NAME`, or `--all-tenants`",
        )
    engine = open_store(settings.load())
    text, made = tokens.create(
        engine,
        role=tokens.TokenRole(role.value),
        tenant=tenants.resolve(engine, tenant) if tenant is not None else None,
        lifetime=timedelta(days=days),
        purpose=purpose,
        actor=getpass.getuser(),
    )
    if json:
        print_json({"token": text, **asdict(made)})
        return
    errors.print(f"Role {made.role}, opens {made.opens}, valid until {made.expires_at:%Y-%m-%d}.", soft_wrap=True)
    errors.print(f"It is shown only now. `learnback tokens revoke {made.id}` takes it back.", soft_wrap=True)
    typer.echo(text)


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """Every token by its id, newest first: what it opens, until when, and whether it was revoked. Never the token."""
    from rich.table import Table

    import settings
    from cli.opening import open_store
    from cli.terminal import console, print_json
    from store import tokens

    found = tokens.all_tokens(open_store(settings.load()))
    if json:
        print_json(found)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("id", "opens", "role", "purpose", "made", "by", "state"):
        table.add_column(column)
    for token in found:
        made = f"{token.created_at:%Y-%m-%d}"
        table.add_row(token.id, token.opens, token.role, token.purpose, made, token.created_by, _state(token))
    console.print(table if found else "No tokens yet: `learnback tokens create` makes one.")


@app.command()
def revoke(identity: Annotated[str, typer.Argument(metavar="ID", help="Its id, as in the list.")]) -> None:
    """Take a token back. A server that knows it refuses it within five seconds; the audit log keeps who did it."""
    import getpass

    import settings
    from cli.opening import open_store
    from cli.terminal import console
    from store import tokens

    taken = tokens.revoke(open_store(settings.load()), identity, actor=getpass.getuser())
    console.print(f"Token {taken.id} for {taken.opens} is revoked.", soft_wrap=True)


def _state(token: Token) -> str:
    from datetime import UTC, datetime

    if token.revoked_at:
        return f"revoked {token.revoked_at:%Y-%m-%d} by {token.revoked_by}"
    if token.expires_at <= datetime.now(UTC):
        return f"expired {token.expires_at:%Y-%m-%d}"
    return f"until {token.expires_at:%Y-%m-%d}"
