"""The command line's front door: registers the commands, turns user errors into one sentence and an exit code.

Exit codes: 0 ok, 1 our bug, 2 user error, 3 some tenants quarantined.
"""

from __future__ import annotations

import sys

import typer

from cli import (
    agents,
    api,
    backfill,
    data,
    demo,
    health,
    learning,
    opening,
    operate,
    patterns,
    plan,
    pruning,
    tenants,
    tokens,
)
from contracts.errors import UserError

app = typer.Typer(
    name="learnback",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
    help="""Learn what works from outcomes in Postgres, publish what holds up, read it back as patterns.

- A simulated agency, from data to report: `learnback demo`
- Your file: `learnback import leads.csv --map my.toml`, then `learnback learn`
- Your tables: set `LEARNBACK_SOURCE_URL`, then `learnback check` and `learnback learn`
- Every week by itself: `learnback up`

Exit codes: 0 ok, 1 our bug, 2 something for you to mend, 3 some tenants quarantined.""",
)

INTERRUPTED = 130
"""What Typer makes of Ctrl-C."""

START, LEARN, ACT, LOOK, RUN = "Start here", "Learn", "Act", "Look", "Operate"

app.command("demo", rich_help_panel=START)(demo.demo)
app.command("import", rich_help_panel=START)(data.import_file)
app.command("doctor", rich_help_panel=START)(operate.doctor)
app.command("check", rich_help_panel=LEARN)(data.check)
app.command("learn", rich_help_panel=LEARN)(learning.learn)
app.command("backfill", rich_help_panel=LEARN)(backfill.backfill)
app.command("score", rich_help_panel=LEARN)(learning.score)
app.command("plan", rich_help_panel=ACT)(plan.plan)
app.add_typer(agents.app, name="design", rich_help_panel=ACT)
app.add_typer(patterns.app, name="patterns", rich_help_panel=LOOK)
app.add_typer(tenants.app, name="tenants", rich_help_panel=LOOK)
app.command("health", rich_help_panel=LOOK)(health.health)
app.command("report", rich_help_panel=LOOK)(learning.report)
app.command("costs", rich_help_panel=LOOK)(agents.costs)
app.command("sql", rich_help_panel=LOOK)(data.sql)
app.command("up", rich_help_panel=RUN)(operate.up)
app.command("serve", rich_help_panel=RUN)(api.serve)
app.add_typer(tokens.app, name="tokens", rich_help_panel=RUN)
app.command("down", rich_help_panel=RUN)(operate.down)
app.command("status", rich_help_panel=RUN)(operate.status)
app.command("prune", rich_help_panel=RUN)(pruning.prune)
app.command("migrate", rich_help_panel=RUN)(operate.migrate)


def main() -> None:
    """Run the command; a UserError becomes its sentence on stderr, anything else keeps its traceback (exit 1)."""
    try:
        app()
    except UserError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            typer.echo("Stopped. Nothing is half-written; the same command starts again.", err=True)
        raise
    finally:
        opening.close_stores()


if __name__ == "__main__":
    main()
