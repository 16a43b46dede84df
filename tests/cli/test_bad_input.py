"""Bad input, typed at the command itself: exit code 2, one clear sentence, no secret, and nothing half-written."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest
from psycopg import sql
from sqlalchemy import Engine, func, select

from settings import Settings
from store import book, source, tenants
from store.scope import learner_scope
from store.tables import Leads
from tests.cli.old_server import old_server
from tests.cli.shell import Said, Shell
from tests.fixtures_prefect import Prefect
from tests.servers import Server

SECRET = "hunter2"  # in every address that may be told of

FILE = "id,week,won,visits\na,1,0,10\nb,2,1,30\nc,3,0,20\n"

RECIPE = """\
[tenant]
name = "Acme"
[time]
order_by = ["week"]
[lead]
key = ["id"]
converted = "won"
[components]
data_quality = "0.5"
authority = "0.5"
company_fit = "0.5"
timing = "visits / 100"
risk = "0.5"
"""


@pytest.fixture
def store(shell: Shell, settings: Settings) -> Shell:
    """A shell whose store is migrated, and holds nothing."""
    assert settings.database_url is not None
    return shell.having(DATABASE_URL=settings.database_url.get_secret_value())


@pytest.fixture
def taken_port() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        yield other.getsockname()[1]


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    """A regular file: nobody can make a folder below it, not even root."""
    path = tmp_path / "file"
    path.write_text("")
    return path


def told(said: Said, *parts: str) -> None:
    """Two sentences at most, on one line of stderr, that hold these parts; and nothing where results belong."""
    assert (said.code, said.out) == (2, ""), said
    (line,) = said.lines
    assert line[-1] in ".?!"
    assert "Traceback" not in said.err
    assert SECRET not in said.err
    for part in parts:
        assert part in line


def is_empty(engine: Engine) -> bool:
    with learner_scope(engine) as connection:
        leads = connection.scalar(select(func.count()).select_from(Leads))
    return tenants.all_tenants(engine) == [] and leads == 0


# --- files and recipes ---


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "Acme"', "name = Acme", "the recipe 'mine' is not valid TOML"),
        ('key = ["id"]', 'key = ["Id Number"]', "no column 'Id Number'"),
        ("visits / 100", "visit / 100", "nearest: 'visits'"),
        ("visits / 100", "visits / 10", "timing"),
        ("visits / 100", "(SELECT max(visits) FROM file)", "timing"),
        ('risk = "0.5"', "", "lacks risk: give all five, or none"),
        ("[tenant]", "[tenants]", "has no key 'tenants' (did you mean tenant?)"),
    ],
)
def test_a_wrong_recipe(store: Shell, engine: Engine, old: str, new: str, words: str) -> None:
    (store.folder / "leads.csv").write_text(FILE)
    (store.folder / "mine.toml").write_text(RECIPE.replace(old, new))
    told(store("import", "leads.csv", "--map", "mine.toml"), words)
    assert is_empty(engine)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("nowhere.csv", None, "there is no file nowhere.csv"),
        ("empty.csv", b"", "empty.csv is empty"),
        ("header.csv", b"id,week,won,visits\n", "header.csv has a header and no rows"),
        ("latin.csv", FILE.replace("a,1", "ä,1").encode("latin-1"), "byte 19 of latin.csv is not utf-8"),
        ("wide.csv", FILE.encode("utf-16"), "wide.csv is not utf-8"),
        ("semicolon.csv", FILE.replace(",", ";").encode(), "delimiter = ';'"),
        ("ragged.csv", (FILE + "d,4\n").encode(), "line 5 of ragged.csv has 2 values and the header 4"),
        ("cut.csv.gz", gzip.compress(FILE.encode(), mtime=0)[:-9], "cut.csv.gz is not a whole gzip file"),
        ("text.parquet", FILE.encode(), "text.parquet cannot be read"),
        ("value.csv", FILE.replace("b,2,1", "b,2,maybe").encode(), "row 2"),
    ],
)
def test_a_wrong_file(store: Shell, engine: Engine, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (store.folder / name).write_bytes(content)
    (store.folder / "mine.toml").write_text(RECIPE)
    told(store("import", name, "--map", "mine.toml"), words)
    assert is_empty(engine)


def test_a_parquet_file_with_broken_pages(store: Shell, engine: Engine) -> None:
    path = store.folder / "leads.parquet"
    pl.DataFrame({"id": [f"lead {n}" for n in range(9_999)], "week": 1, "won": 0, "visits": 1}).write_parquet(path)
    content = bytearray(path.read_bytes())
    content[100:-5_000] = b"\xff" * len(content[100:-5_000])
    path.write_bytes(content)
    (store.folder / "mine.toml").write_text(RECIPE)
    told(store("import", "leads.parquet", "--map", "mine.toml"), "leads.parquet cannot be read")
    assert is_empty(engine)


@pytest.mark.parametrize(
    ("recipe", "words"), [("x_educaton", "did you mean x_education?"), (".", "cannot be read as UTF-8 text")]
)
def test_no_recipe(store: Shell, recipe: str, words: str) -> None:
    (store.folder / "leads.csv").write_text(FILE)
    told(store("import", "leads.csv", "--map", recipe), words)


def test_a_folder_where_a_file_was_wanted(store: Shell) -> None:
    (store.folder / "mine.toml").write_text(RECIPE)
    told(store("import", ".", "--map", "mine.toml"), "there is no file .")


# --- databases ---

COMMANDS = (("check",), ("score",), ("patterns", "list"), ("migrate",), ("import", "leads.csv", "--map", "mine.toml"))


@pytest.fixture(params=COMMANDS, ids=" ".join)
def command(request: pytest.FixtureRequest, shell: Shell) -> tuple[str, ...]:
    """Every command that opens a database, with what it needs beside one."""
    (shell.folder / "leads.csv").write_text(FILE)
    (shell.folder / "mine.toml").write_text(RECIPE)
    found: tuple[str, ...] = request.param
    return found


def test_a_database_that_does_not_answer(shell: Shell, command: tuple[str, ...]) -> None:
    broken = shell.having(DATABASE_URL=f"postgresql://me:{SECRET}@127.0.0.1:1/db")
    told(broken(*command), "LEARNBACK_DATABASE_URL", "127.0.0.1:1", "no PostgreSQL answers there")
    assert not list(shell.folder.rglob("*.parquet"))


def test_a_wrong_password(shell: Shell, server: Server) -> None:
    database, user = server.empty_database(), f"user_{uuid4().hex}"
    server.ask_for_password(database, user, f"right-{SECRET}")
    wrong = server.url(database, f"{user}:wrong-{SECRET}")
    told(shell.having(DATABASE_URL=wrong).apart("patterns", "list"), f"the password for user {user} is wrong")
    told(shell.having(DATABASE_URL=wrong)("check"), f"the password for user {user} is wrong")
    told(shell.having(DATABASE_URL=server.url(database, user))("check"), "asks for a password, and none is given")


def test_a_database_that_is_too_old(shell: Shell, command: tuple[str, ...]) -> None:
    with old_server() as address:
        told(shell.having(DATABASE_URL=address)(*command), "PostgreSQL 12.4, and 14 or newer is needed")


def test_a_source_that_is_too_old_or_silent(store: Shell) -> None:
    with old_server() as address:
        told(store.having(SOURCE_URL=address)("check"), "`LEARNBACK_SOURCE_URL` points at PostgreSQL 12.4")
    silent = f"postgresql://me:{SECRET}@127.0.0.1:1/db"
    told(store.having(SOURCE_URL=silent)("check"), "`LEARNBACK_SOURCE_URL`", "no PostgreSQL answers there")


def test_a_database_that_is_not_migrated(shell: Shell, server: Server) -> None:
    bare = shell.having(DATABASE_URL=server.url(server.empty_database()))
    told(bare("patterns", "list"), "has no Learnback tables yet. Run `learnback migrate`.")


def test_a_user_who_may_not_migrate(shell: Shell, server: Server) -> None:
    user = f"user_{uuid4().hex}"
    server.run(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(user)))
    said = shell.having(DATABASE_URL=server.url(server.empty_database(), user))("migrate")
    told(said, f"user {user} may not create roles and schemas", "Let an administrator run there")


# --- settings, folders and ports ---


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"GROUPS": "many"}, "LEARNBACK_GROUPS"),
        ({"SERVER_PORT": "99999"}, "LEARNBACK_SERVER_PORT"),
        ({"DATABASE_URL": f"mysql://me:{SECRET}@host/db"}, "wanted an address that begins with postgresql://"),
        ({"DATABASE_URL": f"postgresql://me:{SECRET}@host:port/db"}, "is not a PostgreSQL address"),
        ({"EXPECTATIONS": "nowhere.json"}, "LEARNBACK_EXPECTATIONS names nowhere.json, which cannot be read"),
        ({"EXTRACTS": "nowhere"}, "LEARNBACK_EXTRACTS names nowhere, which is no folder"),
    ],
)
def test_a_malformed_setting(store: Shell, variables: dict[str, str], words: str) -> None:
    told(store.having(**variables)("check"), words)
    assert not list(store.folder.rglob("manifests/*.json"))


def test_a_settings_file_that_is_no_text(shell: Shell) -> None:
    (shell.folder / ".env").write_bytes(b"LEARNBACK_SEED=\xff\xfe")
    told(shell("patterns", "list"), ".env")


@pytest.mark.parametrize("command", [("check",), ("sql", "SELECT 1")], ids=" ".join)
def test_a_lake_that_cannot_be_written(store: Shell, command: tuple[str, ...], a_file: Path) -> None:
    told(store.having(LAKE=a_file / "lake")(*command), f"the lake {a_file / 'lake'} cannot be written")


@pytest.mark.parametrize("command", [("status",), ("down",), ("up",), ("learn",), ("demo",), ("patterns", "list")])
def test_a_home_that_cannot_be_written(shell: Shell, command: tuple[str, ...], a_file: Path) -> None:
    said = shell.having(HOME=a_file / "home")(*command)
    if command in (("status",), ("down",)):  # they change nothing
        assert (said.code, said.lines) == (0, [])
    else:
        told(said, str(a_file), "or set LEARNBACK_HOME to another")


@pytest.mark.parametrize("command", ["up", "learn", "demo"])
def test_a_demanded_port_that_is_taken(shell: Shell, command: str, taken_port: int) -> None:
    said = shell.having(SERVER_PORT=str(taken_port))(command)
    told(said, f"LEARNBACK_SERVER_PORT asks for port {taken_port}, which another program has taken")
    assert not (shell.folder / "home" / "postgres").exists()


def test_a_prefect_server_of_the_users_own_that_is_silent(store: Shell) -> None:
    said = store.having(PREFECT_API_URL="http://127.0.0.1:1/api")("learn")
    told(said, "no Prefect server answers at http://127.0.0.1:1/api, which PREFECT_API_URL names")


def test_the_demo_on_a_database_of_the_users_own(store: Shell, engine: Engine) -> None:
    told(store("demo"), "LEARNBACK_DATABASE_URL is set, and the demo writes simulated tenants")
    assert is_empty(engine)


# --- queries, and what the lake holds ---


@pytest.fixture(scope="module")
def lake(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A shell whose lake holds what a check left, of a store without tenants."""
    assert settings.database_url is not None
    found = Shell(tmp_path_factory.mktemp("lake")).having(DATABASE_URL=settings.database_url.get_secret_value())
    assert found("check").code == 0
    return found


def test_extracts_that_do_not_fit(store: Shell) -> None:
    extracts = store.folder / "extracts"
    extracts.mkdir()
    with_extracts = store.having(EXTRACTS=extracts)
    (extracts / "leads.sql").write_text("SELEC 1 WHERE :as_of IS NOT NULL")
    told(with_extracts("check"), f"{extracts / 'leads.sql'} cannot run: syntax error")
    (extracts / "leads.sql").write_text("SELECT 'x' AS tenant_id, :as_of AS created_at")
    told(with_extracts("check"), "tenant_id is text, wanted uuid", "lead_id (uuid: ", "is missing")
    assert not list(store.folder.rglob("*.parquet"))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("CREATE TABLE mine AS SELECT 1", "it only reads"),
        ("COPY (SELECT 1) TO 'stolen.csv'", "it only reads"),
        ("SELECT 1; DROP VIEW leads", "2 statements"),
        ("SELECT * FROM 'leads.csv'", "DuckDB"),
        ("SELEC 1", "syntax error"),
        ("SELECT nothing FROM leads", "nothing"),
        ("SELECT error('a\nb')", "DuckDB"),
        ("", "0 statements"),
    ],
)
def test_a_query_of_the_lake_that_is_refused(lake: Shell, query: str, words: str) -> None:
    (lake.folder / "leads.csv").write_text(FILE)
    told(lake("sql", query), words)
    assert not (lake.folder / "stolen.csv").exists()


def test_a_lake_that_is_empty(store: Shell) -> None:
    told(store("sql", "SELECT 1"), "is empty. `learnback learn` fills it.")


def test_a_lake_that_is_damaged(store: Shell, engine: Engine) -> None:
    tenants.create(engine, "Acme")
    assert store("check").code == 0
    for file in store.folder.rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-20])
    told(
        store("sql", "SELECT * FROM tenants"), "a file of the lake was cut short", ".parquet", "`learnback learn` again"
    )
    (manifest,) = store.folder.rglob("manifests/*.json")
    manifest.write_text("{")
    told(store("sql", "SELECT 1"), "the manifest of run", "is damaged")


# --- requests ---


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("score", "--tenant", "Acme"), "there are no tenants yet"),
        (("patterns", "list", "--tenant", "Acme"), "there are no tenants yet"),
        (("patterns", "show", "Acme", "who"), "there are no tenants yet"),
        (("report", "--no-open"), "there is no report under"),
    ],
)
def test_what_is_not_there(shell: Shell, server: Server, command: tuple[str, ...], words: str) -> None:
    address = server.migrated_settings().database_url
    assert address is not None
    told(shell.having(DATABASE_URL=address.get_secret_value())(*command), words)


@pytest.mark.parametrize(
    "command",
    [("learn", "--as-of", "yesterday"), ("patterns", "show"), ("patterns", "diff", "Acme", "who", "one"), ("lern",)],
    ids=" ".join,
)
def test_a_command_that_is_mistyped(shell: Shell, command: tuple[str, ...]) -> None:
    said = shell(*command)
    assert (said.code, said.out) == (2, "")
    assert "Usage: learnback" in said.err


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        (("--as-of", "2999-01-01"), {}, "Outcomes of the future are unknown"),
        (("--tenant", "nobody"), {}, "there is no tenant `nobody`"),
        ((), {"LAKE": "file/lake"}, "cannot be written"),
        ((), {"EXPECTATIONS": "file"}, "is no expectation suite"),
        ((), {"EXTRACTS": "nowhere"}, "which is no folder"),
        ((), {"SOURCE_URL": f"postgresql://me:{SECRET}@127.0.0.1:1/db"}, "no PostgreSQL answers there"),
    ],
)
@pytest.mark.usefixtures("a_file", "a_tenant")
def test_a_run_that_cannot_be(
    store: Shell, prefect_server: Prefect, arguments: tuple[str, ...], variables: dict[str, str], words: str
) -> None:
    told(store.having(PREFECT_API_URL=prefect_server.api_url, **variables)("learn", *arguments), words)
    assert not list(store.folder.rglob("*.parquet"))


@pytest.mark.usefixtures("a_tenant")
def test_a_run_whose_task_fails(store: Shell, engine: Engine, prefect_server: Prefect) -> None:
    """Prefect would show what ends a task with its traceback."""
    extracts = store.folder / "extracts"
    extracts.mkdir()
    built_in = (source.BUILT_IN / "tenants.sql").read_text()
    (extracts / "tenants.sql").write_text(built_in.replace("t.name,", "t.name || 1 / (t.horizon_days - 30) AS name,"))
    said = store.having(PREFECT_API_URL=prefect_server.api_url, EXTRACTS=extracts).apart("learn")
    told(said, "tenants.sql failed while it ran: division by zero")
    assert not list(store.folder.rglob("*.parquet"))
    assert book.list_heads(engine) == []


@pytest.fixture
def a_tenant(engine: Engine) -> None:
    """Somebody to learn for."""
    if not tenants.all_tenants(engine):
        tenants.create(engine, "Acme")
