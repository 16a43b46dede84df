"""`learnback tenants …`: who there is, and what each has chosen."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="""Tenants: who there is, and what each has chosen.

A source of your own (LEARNBACK_SOURCE_URL) decides these itself: its tenants.sql is read anew in every run.""",
)


JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


class EarlyOutcome(StrEnum):
    REPLY = "reply"
    MEETING = "meeting"


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """Every tenant with its choices and the weights in force for it."""
    from rich.table import Table

    import settings
    from cli.opening import open_store
    from cli.terminal import console, print_json
    from store import tenants

    found = tenants.all_tenants(open_store(settings.load()))
    if json:
        print_json(found)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("tenant", "shares priors", "horizon", "early outcome", "weights"):
        table.add_column(column)
    for tenant in found:
        table.add_row(
            tenant.name,
            "yes" if tenant.shares_priors else "no",
            f"{tenant.horizon_days} days",
            tenant.early_outcome or "",
            "learned" if tenant.weights else "defaults",
        )
    console.print(table if found else "No tenants yet: `learnback import` or `learnback demo` brings some.")


@app.command("set")
def set_(
    tenant: Annotated[str, typer.Argument(help="Name or id of the tenant.")],
    share_priors: Annotated[
        bool | None,
        typer.Option(
            "--share-priors/--keep-priors",
            help="Whether its counts may inform the starting point of other tenants. Off unless it consents.",
        ),
    ] = None,
    horizon_days: Annotated[
        int | None, typer.Option(min=1, help="Days after which a lead that has not converted counts as resolved.")
    ] = None,
    early_outcome: Annotated[
        EarlyOutcome | None, typer.Option(help="What counts as a touch's outcome before conversion.")
    ] = None,
) -> None:
    """Change what a tenant has chosen; the audit log keeps who did. The next run follows."""
    import getpass

    import settings
    from cli.opening import open_store
    from cli.terminal import console
    from contracts.errors import UserError
    from store import tenants

    chosen: dict[str, object] = {
        "shares_priors": share_priors,
        "horizon_days": horizon_days,
        "early_outcome": early_outcome.value if early_outcome else None,
    }
    choices = {name: value for name, value in chosen.items() if value is not None}
    if not choices:
        raise UserError("nothing was chosen", do="`learnback tenants set --help` lists what can be")
    engine = open_store(settings.load())
    changed = tenants.choose(engine, tenants.resolve(engine, tenant).id, actor=getpass.getuser(), **choices)
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in choices.items())
    console.print(f"{changed.name}: {told}.")
