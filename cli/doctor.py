"""What is misconfigured, and how to mend it: one line per thing that can be wrong, with the remedy beside it.

Nothing is started or changed, except that the lake's folder is made and one empty file is written there and removed.
"""

from __future__ import annotations

import difflib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

import settings as settings_module
from contracts.errors import SettingsError, UserError
from settings import Settings

PYTHON_MINIMUM = (3, 11)
FREE_GIB_WANTED = 2.0  # the lake of ten million touches, twice, while a new run replaces the old
FREE_GIB_NEEDED = 0.2  # an empty PostgreSQL and the server's history

CAPPED = {
    "prefect": ((3, 8), (3, 9), "the settings and the prepared database of the server are those of 3.8"),
    "fastapi": ((0, 115), (0, 145), "from 0.155 on Prefect's server does not start"),
    "sqlalchemy": ((2, 0), (2, 1), "from 2.1 on Prefect's schedules silently never fire"),
}
"""Package → from, below, and what happens outside: Prefect itself declares looser bounds than it survives."""


class Finding(StrEnum):
    OK = "ok"
    WARN = "warn"  # works, and something that the user may want does not
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at. remedy: empty where there is nothing to do."""

    name: str
    finding: Finding
    said: str
    remedy: str = ""


def examine() -> tuple[Line, ...]:
    """Look at everything; what depends on something that already failed is left out."""
    lines = [*_python(), *_packages(), *_unknown_variables()]
    try:
        loaded = settings_module.load()
    except SettingsError as error:
        return (*lines, Line("settings", Finding.FAIL, error.got, "Correct or unset these variables"))
    for look in (_settings, _home, _lake, _database, _source, _server, _worker, _deployments):
        lines += _looked(look, loaded)
    return tuple(lines)


def failed(lines: tuple[Line, ...]) -> bool:
    """Whether something needs mending before Learnback works: the command's exit code is then 2."""
    return any(line.finding is Finding.FAIL for line in lines)


def show(lines: tuple[Line, ...], *, as_json: bool) -> None:
    """The lines as a table for people, or as one JSON document for a script."""
    from cli.terminal import console, print_json

    if as_json:
        print_json(lines)
        return
    from rich.table import Table
    from rich.text import Text

    styles = {Finding.OK: "green", Finding.WARN: "yellow", Finding.FAIL: "bold red"}
    table = Table.grid(padding=(0, 2))
    for line in lines:
        said = f"{line.said}\n→ {line.remedy}" if line.remedy else line.said
        table.add_row(Text(line.finding, style=styles[line.finding]), line.name, said)
    console.print(table)


def _looked(look: Callable[[Settings], Iterator[Line]], loaded: Settings) -> Iterator[Line]:
    """What a look found; a sentence that it raised is its finding."""
    try:
        yield from look(loaded)
    except UserError as error:
        said = f"{error.got}, and {error.wanted}" if error.wanted else error.got
        yield Line(look.__name__.strip("_"), Finding.FAIL, said, error.do)


def _python() -> Iterator[Line]:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= PYTHON_MINIMUM:
        yield Line("python", Finding.OK, found)
    else:
        wanted = ".".join(map(str, PYTHON_MINIMUM))
        yield Line("python", Finding.FAIL, f"{found}, and {wanted} or newer is needed", "make PYTHON=/path/to/python")


def _packages() -> Iterator[Line]:
    for name, (lowest, below, otherwise) in CAPPED.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            yield Line(name, Finding.FAIL, "not installed", "pip install --require-hashes -r requirements.lock")
            continue
        numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdecimal())
        if lowest <= numbers < below:
            yield Line(name, Finding.OK, found)
        else:
            wanted = f"{'.'.join(map(str, lowest))} or newer and below {'.'.join(map(str, below))}"
            yield Line(
                name,
                Finding.FAIL,
                f"{found}, and {wanted} is needed: {otherwise}",
                "pip install --require-hashes -r requirements.lock",
            )


def _unknown_variables() -> Iterator[Line]:
    """A misspelt variable is ignored in silence by everybody else."""
    known = {f"LEARNBACK_{name.upper()}" for name in Settings.model_fields}
    ours = {"LEARNBACK_APPLIED", "LEARNBACK_WORKDIR"}
    for name in sorted(set(os.environ) | set(_env_file())):
        if name.startswith("LEARNBACK_") and name not in known | ours:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"Did you mean {near[0]}?" if near else "Unset it, or look at the settings below"
            yield Line(name, Finding.WARN, "no setting has this name, so it does nothing", remedy)


def _settings(loaded: Settings) -> Iterator[Line]:
    for name in Settings.model_fields:
        value = getattr(loaded, name)
        yield Line(f"LEARNBACK_{name.upper()}", Finding.OK, f"{shown(value)}  ({_origin(name)})")


def shown(value: object) -> str:
    """A setting's value for people: of an address with a password only what is no secret."""
    if value is None:
        return "unset"
    if not isinstance(value, SecretStr):
        return str(value)
    if "://" not in value.get_secret_value():
        return "set"  # a key: every letter of it is the secret
    address = urlsplit(value.get_secret_value())
    user = f"{address.username}{':***' if address.password else ''}@" if address.username else ""
    port = f":{address.port}" if address.port else ""
    return f"{address.scheme}://{user}{address.hostname or ''}{port}{address.path}{'?…' if address.query else ''}"


def _origin(name: str) -> str:
    variable = f"LEARNBACK_{name.upper()}"
    if variable in {key.upper() for key in os.environ}:
        return "environment"
    return ".env" if variable in _env_file() else "default"


def _env_file() -> dict[str, str | None]:
    from dotenv import dotenv_values

    file = Path(".env")
    try:
        return {name.upper(): value for name, value in dotenv_values(file).items()} if file.is_file() else {}
    except UnicodeDecodeError:
        return {}  # the settings, which are read next, say so


def _home(loaded: Settings) -> Iterator[Line]:
    nearest = next(folder for folder in (loaded.root, *loaded.root.parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        yield Line(
            "home", Finding.FAIL, f"{nearest} cannot be written", "Make it writable, or set LEARNBACK_HOME to another"
        )
        return
    free = shutil.disk_usage(nearest).free / 2**30
    finding = Finding.OK if free >= FREE_GIB_WANTED else Finding.WARN if free >= FREE_GIB_NEEDED else Finding.FAIL
    remedy = "" if finding is Finding.OK else "Free some space, or set LEARNBACK_HOME to another disk"
    yield Line("home", finding, f"{loaded.root}, {free:.1f} GiB free", remedy)


def _lake(loaded: Settings) -> Iterator[Line]:
    from store import lake

    yield Line("lake", Finding.OK, f"{lake.open(loaded)} can be written")


def _database(loaded: Settings) -> Iterator[Line]:
    from store import database

    if not _can_ask_database(loaded):
        yield Line(
            "database", Finding.OK, "the embedded PostgreSQL, not running; every command that needs it starts it"
        )
        return
    with database.connect(database.store_url(loaded), database.SETTING) as connection:
        number = connection.info.server_version
        database.check_version(number, database.SETTING)
        database.check_revision(connection)
    kind = "embedded" if loaded.database_url is None else "your own"
    yield Line("database", Finding.OK, f"PostgreSQL {number // 10_000}.{number % 10_000} ({kind}), migrated")


def _source(loaded: Settings) -> Iterator[Line]:
    from store import source

    if loaded.source_url is None and not _can_ask_database(loaded):
        source.queries(loaded)  # the files can be read, whatever they return
        yield Line("source", Finding.OK, "looked at once the database runs")
        return
    found = source.verify(loaded, datetime.now(UTC))
    yield Line("source", Finding.OK, f"{', '.join(found)} return what the contract asks for")


def _can_ask_database(loaded: Settings) -> bool:
    from store import embedded

    return loaded.database_url is not None or embedded.running(loaded)


def _server(loaded: Settings) -> Iterator[Line]:
    from adapters import prefect_server

    status = prefect_server.status(loaded)
    demanded = prefect_server.demanded_port(loaded)
    if status.handle is None:
        if demanded and not prefect_server.is_free(demanded[0]):
            port, variable = demanded
            said = f"{variable} asks for port {port}, which another program has taken"
            yield Line("server", Finding.FAIL, said, f"Stop that program, choose another port, or unset {variable}")
        else:
            yield Line("server", Finding.WARN, "no Prefect server runs", "`learnback up` starts one; so does `learn`")
    elif status.ready:
        whose = "local" if status.handle.is_local else "your own, named by PREFECT_API_URL"
        yield Line("server", Finding.OK, f"{status.handle.ui_url} ({whose})")
    elif status.handle.is_local:
        remedy = f"Wait; after a minute read {status.handle.log}, then `learnback down` and `learnback up`"
        yield Line("server", Finding.WARN, "starting, or stuck", remedy)
    else:
        said = f"nothing answers at {status.handle.api_url}, which PREFECT_API_URL names"
        yield Line("server", Finding.FAIL, said, "Start it, or unset PREFECT_API_URL to use a local server")


def _worker(loaded: Settings) -> Iterator[Line]:
    from adapters import prefect_server, prefect_status, prefect_worker

    server = prefect_server.status(loaded)
    if not server.ready or server.handle is None:
        return
    ours = prefect_worker.find_worker(loaded)
    online = prefect_status.workers_online(server.handle.api_url)
    if ours or online:
        yield Line("worker", Finding.OK, f"pid {ours.pid}, log {ours.log}" if ours else f"{online} online elsewhere")
    else:
        yield Line("worker", Finding.WARN, "none runs, so scheduled runs stay late", "`learnback up` starts one")


def _deployments(loaded: Settings) -> Iterator[Line]:
    from adapters import prefect_deployments, prefect_server, prefect_status

    server = prefect_server.status(loaded)
    if not server.ready or server.handle is None:
        return
    found = prefect_status.deployments(server.handle.api_url)
    names = {row.name.rpartition("/")[2] for row in found}
    declared = prefect_deployments.declared(loaded, prefect_deployments.PREFECT_YAML)
    if missing := [row["name"] for row in declared if row["name"] not in names]:
        said = f"{', '.join(missing)} of prefect.yaml not registered"
        yield Line("deployments", Finding.WARN, said, "`learnback up` registers all of them")
    for row in found:
        asleep = "" if row.schedule else "Switch its schedule on in the UI, unless it is retired or paused on purpose"
        finding = Finding.WARN if asleep else Finding.OK
        yield Line(row.name, finding, row.schedule or "no active schedule", asleep)
