"""The source: the declared queries that read a user's PostgreSQL (or our own store), and whether they fit the contract.

A query is one `*.sql` file per extract. Its header may declare how the work is divided between streams:

    -- split: learnback.activities as a           a table: by physical blocks
    -- split: reporting.touches as t by touch_id  a view or partitioned table: by ranges of an ordered column

and the text holds `:as_of` and `:now` (moments) and, where it is divided, `:split` (a condition). A user's own query
may say by what a row that changed lately is found, so that a weekly run need not read the others again:

    -- changed: t.updated_at within 35 days    every change of a row sets this column, and shows within 35 days
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from contracts.errors import ContractError, DatabaseError, SettingsError
from contracts.outcomes import EXTRACTS, Column, Extract, Kind
from settings import Settings
from store import database
from store.scope import Role

BUILT_IN = Path(__file__).parent / "extracts"
SOURCE_SETTING = "LEARNBACK_SOURCE_URL"

ACCEPTED: dict[Kind, tuple[str, ...]] = {
    "uuid": ("uuid",),
    "text": ("text", "character varying", "name"),
    "int": ("smallint", "integer", "bigint"),
    "float": ("double precision", "real", "numeric", "smallint", "integer", "bigint"),
    "bool": ("boolean",),
    "time": ("timestamp with time zone",),
    "json": ("jsonb", "json", "text"),
}
"""PostgreSQL types that each kind takes, without length or precision; the first is the one that messages ask for."""

HEADER = re.compile(r"^--\s*split:\s*(?P<relation>\S+)\s+as\s+(?P<alias>\w+)(?:\s+by\s+(?P<key>\w+))?\s*$", re.M)
CHANGED = re.compile(r"^--\s*changed:\s*(?P<by>\S.*?)\s+within\s+(?P<days>\d+)\s+days?\s*$", re.M)
TOKENS = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|(?<![:\w]):(?P<name>as_of|now|split)\b")


@dataclass(frozen=True, slots=True)
class Source:
    """Where extraction reads. role: what it becomes there; None on a user's database, which knows no role of ours."""

    address: str = field(repr=False)  # may hold a password
    setting: str  # what a person would change
    role: Role | None


@dataclass(frozen=True, slots=True)
class Split:
    """How a query's rows divide between streams: by blocks of a table, or by ranges of `key`."""

    relation: str
    alias: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Window:
    """By what changed rows are found: those whose `by` is no older than so many days before the run before."""

    by: str
    days: int


@dataclass(frozen=True, slots=True)
class Query:
    """One extract's query as its file declares it."""

    extract: str
    path: Path
    text: str
    split: Split | None
    changed: Window | None = None

    @property
    def built_in(self) -> bool:
        return self.path.parent == BUILT_IN

    def render(self, as_of: datetime, now: datetime, split: str = "true") -> str:
        """The statement for one stream: placeholders become literals, comments and the final semicolon go."""
        literals = {"as_of": moment(as_of), "now": moment(now), "split": f"({split})"}

        def replaced(match: re.Match[str]) -> str:
            if name := match["name"]:
                return literals[name]
            return "" if match[0].startswith("--") else match[0]

        return TOKENS.sub(replaced, self.text).strip().rstrip(";").rstrip()


def moment(value: datetime) -> str:
    """A moment as an SQL literal; naive times are refused, since nobody knows which zone they mean."""
    if value.tzinfo is None:
        raise ValueError(f"got {value} without a zone where a moment was wanted")
    return f"'{value.isoformat()}'::timestamptz"


def source(settings: Settings) -> Source:
    """LEARNBACK_SOURCE_URL where given, else our own store."""
    if settings.source_url:
        address = settings.source_url.get_secret_value().replace("postgresql+psycopg://", "postgresql://", 1)
        return Source(address, SOURCE_SETTING, role=None)
    return Source(database.store_url(settings), database.SETTING, role=Role.LEARNER)


def queries(settings: Settings) -> dict[str, Query]:
    """The declared queries by extract; a file in LEARNBACK_EXTRACTS replaces the built-in one of the same name.

    Raises SettingsError for a folder that is none, ContractError for a file whose placeholders do not fit its header.
    """
    folder = settings.extracts
    if folder and not folder.is_dir():
        raise SettingsError(
            f"LEARNBACK_EXTRACTS names {folder}, which is no folder", do=f"Copy {BUILT_IN} and change what differs"
        )
    return {name: _query(extract, folder) for name, extract in EXTRACTS.items()}


def _query(extract: Extract, folder: Path | None) -> Query:
    name = f"{extract.name}.sql"
    path = folder / name if folder and (folder / name).is_file() else BUILT_IN / name
    text = path.read_text(encoding="utf-8")
    header = HEADER.search(text)
    split = Split(header["relation"], header["alias"], header["key"]) if header else None
    used = {match["name"] for match in TOKENS.finditer(text)}
    if split and "split" not in used:
        raise ContractError(
            f"{path} declares a split and never uses it", do="Add `AND :split` to its WHERE, or remove the header"
        )
    if "split" in used and not split:
        raise ContractError(
            f"{path} uses :split without declaring it", do="Begin the file with `-- split: schema.table as alias`"
        )
    if extract.name != "tenants" and "as_of" not in used:
        raise ContractError(
            f"{path} does not use :as_of",
            wanted=f"rows later than it must stay out: ({extract.dated_by} > :as_of AND {extract.dated_by} <= :now) "
            "IS NOT TRUE",
        )
    return Query(extract.name, path, text, split, _window(path, text, split))


def _window(path: Path, text: str, split: Split | None) -> Window | None:
    header = CHANGED.search(text)
    if header and not split:
        raise ContractError(
            f"{path} declares by what its changed rows are found, and does not use :split",
            do="Begin it with `-- split: schema.table as alias` and add `AND :split`: the condition goes there",
        )
    return Window(header["by"], int(header["days"])) if header else None


@contextmanager
def connected(origin: Source) -> Iterator[psycopg.Connection]:
    """A read-only transaction at the source in which every statement sees the same instant."""
    with database.connect(origin.address, origin.setting) as connection:
        database.check_version(connection.info.server_version, origin.setting)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        try:
            if origin.role:
                connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(origin.role)))
            yield connection
        except psycopg.Error as error:
            raise database.explain(error, origin.setting) from None


def offered(connection: psycopg.Connection, declared: Mapping[str, Query]) -> dict[str, Query]:
    """The queries that this source can answer: without built-in ones of optional extracts whose table it lacks."""
    return {
        name: query
        for name, query in declared.items()
        if not (EXTRACTS[name].optional and query.built_in and not _has_table(connection, query))
    }


def _has_table(connection: psycopg.Connection, query: Query) -> bool:
    assert query.split is not None
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [query.split.relation]).fetchone()
    return bool(found and found[0])


@dataclass(frozen=True, slots=True)
class Described:
    """What a query returns: column name → PostgreSQL type as `format_type` writes it, in the query's order."""

    query: Query
    types: Mapping[str, str]

    @property
    def faults(self) -> list[str]:
        """One clause for every column that is missing, or of a type that the contract does not take."""
        extract = EXTRACTS[self.query.extract]
        return [fault for column in extract.columns if (fault := self._fault(column))]

    def _fault(self, column: Column) -> str:
        got = self.types.get(column.name)
        wanted = ACCEPTED[column.kind]
        if got is None:
            return f"{column.name} ({wanted[0]}: {column.meaning}) is missing" if column.required else ""
        if re.sub(r"\(.*?\)", "", got) in wanted:
            return ""
        return f"{column.name} is {got}, wanted {wanted[0]}: {_mend(column, got)}"


def _mend(column: Column, got: str) -> str:
    if column.kind == "time" and got == "timestamp without time zone":
        return f"write {column.name} AT TIME ZONE 'UTC' (or the zone that it is in)"
    if column.kind == "uuid":
        return f"write md5({column.name}::text)::uuid, the same in every extract"
    return f"write {column.name}::{'timestamptz' if column.kind == 'time' else ACCEPTED[column.kind][0]}"


def describe(connection: psycopg.Connection, query: Query, as_of: datetime) -> Described:
    """Ask the source what the query returns, without reading a row; raises ContractError where it cannot run."""
    statement = f"SELECT * FROM (\n{query.render(as_of, as_of)}\n) AS extract LIMIT 0"  # noqa: S608 - the user's own
    with explained(query):
        cursor = connection.execute(statement.encode())
    columns = cursor.description or []
    named = connection.execute(
        "SELECT format_type(oid, NULL) FROM unnest(%s::oid[]) WITH ORDINALITY AS t (oid, place) ORDER BY place",
        [[column.type_code for column in columns]],
    ).fetchall()
    names = [column.name for column in columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ContractError(f"{query.path} returns {', '.join(twice)} more than once", do="Name every column once")
    return Described(query, {name: row[0] for name, row in zip(names, named, strict=True)})


@contextmanager
def explained(query: Query) -> Iterator[None]:
    """Turn what PostgreSQL says about a file's statement into one sentence that names the file."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"{query.path} may not read its source: {error.diag.message_primary}",
            do="GRANT SELECT (and USAGE on the schema) to the role of the connection",
        ) from None
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError) as error:
        hint = f" ({error.diag.message_hint.rstrip('.')})" if error.diag.message_hint else ""
        raise ContractError(
            f"{query.path} cannot run: {error.diag.message_primary or error}{hint}",
            do="`learnback check` tries every extract without reading a row",
        ) from None


def verify(settings: Settings, as_of: datetime) -> dict[str, Described]:
    """Run every declared query without reading a row, and hold its columns against the contract.

    Returns what each returns; raises ContractError that names every missing or mistyped column of every file at once.
    """
    declared = queries(settings)
    with connected(source(settings)) as connection:
        described = {name: describe(connection, query, as_of) for name, query in offered(connection, declared).items()}
    require(described)
    return described


def require(described: Mapping[str, Described]) -> None:
    """Raise ContractError where any of these does not fit the contract."""
    wrong = {str(found.query.path): found.faults for found in described.values() if found.faults}
    if wrong:
        raise ContractError(
            "; ".join(f"{path}: {', '.join(faults)}" for path, faults in wrong.items()),
            do="Every extract must return the columns of docs/reference/extracts.md, by these names and types",
        )
