"""From a user's file to a DuckDB table of its rows, or one sentence about what is wrong with the file."""

from __future__ import annotations

import codecs
import csv
import gzip
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import duckdb

from contracts.errors import MappingError
from tasks.importing.recipe import ROW_NUMBER, Source

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, 0 to 1."""


def no_progress(stage: str, share: float) -> None:
    """Tell nobody."""


READ_CSV = """
    CREATE TABLE file AS SELECT *, row_number() OVER () AS row_number
    FROM read_csv($path, delim = $delimiter, quote = '"', escape = '"', comment = '', header = true, skip = 0,
                  sample_size = -1, strict_mode = true, nullstr = $nulls"""
"""Types are inferred from every row, so that a late value cannot break them; all else is what the recipe says."""

CHUNK = 4 << 20  # bytes read at a time
DELIMITERS = (",", ";", "\t", "|")


@contextmanager
def open_rows(path: Path, source: Source, progress: Progress) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose table `file` holds the rows, with `row_number`; it can reach no other file.

    Raises MappingError: missing, empty, undecodable or unparseable file, wrong delimiter.
    """
    if not path.is_file():
        raise MappingError(f"there is no file {path}")
    with duckdb.connect() as connection:
        try:
            if _format(path, source) == "parquet":
                _load_parquet(connection, path)
            else:
                _load_csv(connection, path, source, progress)
        except (duckdb.Error, OSError) as error:
            raise MappingError(f"{path.name} cannot be read: {str(error).splitlines()[0]}") from None
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        if not connection.execute("SELECT 1 FROM file LIMIT 1").fetchall():
            raise MappingError(f"{path.name} has a header and no rows")
        yield connection


def column_names(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """The file's own columns, as its header spells them."""
    described = connection.execute("DESCRIBE file").fetchall()
    return tuple(name for name, *_ in described if name != ROW_NUMBER)


def _format(path: Path, source: Source) -> str:
    return source.format or ("parquet" if path.suffix in (".parquet", ".pq") else "csv")


def _load_parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    connection.execute(
        "CREATE TABLE file AS SELECT * EXCLUDE file_row_number, file_row_number + 1 AS row_number "
        "FROM read_parquet(?, file_row_number = true)",
        [str(path)],
    )


def _load_csv(connection: duckdb.DuckDBPyConnection, path: Path, source: Source, progress: Progress) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "rows.csv"
        _decode(path, text, source.encoding, progress)
        header = _header(text, path, source)
        types = {name: kind for name, kind in source.types.items() if name in header}  # others are refused later
        options = {
            "path": str(text),
            "delimiter": source.delimiter,
            "nulls": sorted({"", *source.null_values}),
            **({"types": types} if types else {}),
        }
        try:
            connection.execute(READ_CSV + (", types = $types)" if types else ")"), options)
        except duckdb.Error as error:
            raise _ragged(text, path, source) or error from None


def _decode(path: Path, target: Path, encoding: str, progress: Progress) -> None:
    """Write the file as plain UTF-8, so that a wrong byte is found here, with its place, and not in a query."""
    size, decoder, done = max(path.stat().st_size, 1), codecs.getincrementaldecoder(encoding)(), 0
    with path.open("rb") as raw, _plain(path, raw) as plain, target.open("w", encoding="utf-8", newline="") as out:
        while chunk := _read(plain, path):
            waiting = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk)
            except UnicodeDecodeError as error:
                raise _undecodable(path, encoding, done - waiting + error.start) from None
            if "\0" in text:
                raise MappingError(
                    f"{path.name} holds zero bytes", do='Is it UTF-16? Then: [source] encoding = "utf-16"'
                )
            out.write(text.removeprefix("\ufeff") if done == 0 else text)
            done += len(chunk)
            progress("reading", min(raw.tell() / size, 1.0))
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise _undecodable(path, encoding, done) from None
    if done == 0:
        raise MappingError(f"{path.name} is empty")


def _plain(path: Path, raw: IO[bytes]) -> IO[bytes]:
    return gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw  # type: ignore[return-value]


def _read(plain: IO[bytes], path: Path) -> bytes:
    try:
        return plain.read(CHUNK)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise MappingError(f"{path.name} is not a whole gzip file, as its name says") from None


def _undecodable(path: Path, encoding: str, offset: int) -> MappingError:
    return MappingError(
        f"byte {offset:,} of {path.name} is not {encoding}",
        do='Name the right one in the recipe: [source] encoding = "latin-1" (or "cp1252" from older Windows)',
    )


def _header(text: Path, path: Path, source: Source) -> list[str]:
    """The names in the first row. Raises MappingError where another delimiter would give more than one."""
    with text.open(encoding="utf-8", newline="") as lines:
        header = next(csv.reader(lines, delimiter=source.delimiter), [])
    if len(header) > 1:
        return header
    line = header[0] if header else ""
    likely = max(DELIMITERS, key=line.count)
    if line.count(likely):
        raise MappingError(
            f"{path.name} has one column when it is cut at {source.delimiter!r}",
            do=f"{likely!r} stands {line.count(likely)} times in its header: [source] delimiter = {likely!r}",
        )
    return header


def _ragged(text: Path, path: Path, source: Source) -> MappingError | None:
    """The first line with more or fewer values than the header, where that is what is wrong."""
    with text.open(encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines, delimiter=source.delimiter, strict=True)
        try:
            wanted = len(next(rows))
            for row in rows:
                if row and len(row) != wanted:
                    return MappingError(
                        f"line {rows.line_num:,} of {path.name} has {len(row)} values and the header {wanted}",
                        do="Mend that line; a value that holds the delimiter or a line break wants double quotes",
                    )
        except csv.Error as error:
            return MappingError(f"line {rows.line_num:,} of {path.name} is not CSV: {error}")
    return None
