"""Where the server's first start spends its time, and how it is saved.

Of 14 s on an empty home folder 10 s went into Prefect's 114 SQLite migrations, nearly all of it into reading back table
definitions (33,920 hops between threads). `prefect_schema.sql` is the empty database that they leave behind, with the
revision that it stands for, so the server finds nothing to migrate; a newer Prefect migrates on from there. A test
runs all the migrations and demands the same schema.

`python -m adapters.prefect_database` writes the file anew after an upgrade of Prefect.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from adapters.prefect_environment import environment
from settings import Settings

SCHEMA = Path(__file__).with_name("prefect_schema.sql")

DATABASE_VARIABLES = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")
"""Either names the user's own database for the server, which is theirs to migrate."""


def prepare(settings: Settings) -> None:
    """Lay the migrated, empty database into a home that has none; the caller holds the lock of the home folder."""
    home = Path(environment(settings).get("PREFECT_HOME") or os.environ["PREFECT_HOME"])
    target = home / "prefect.db"
    if target.exists() or any(name in os.environ for name in DATABASE_VARIABLES):
        return
    home.mkdir(parents=True, exist_ok=True)
    draft = home / "prefect.db.new"
    draft.unlink(missing_ok=True)
    with closing(sqlite3.connect(draft)) as database:
        database.executescript(SCHEMA.read_text(encoding="utf-8"))
    draft.replace(target)


WASTED = 0.2  # share of free pages from which compacting is worth its seconds


def free_bytes(settings: Settings) -> int:
    """Bytes in the server's database file that deleted rows have left; 0 where they are not worth giving back."""
    file = settings.prefect_home / "prefect.db"
    if not file.exists():
        return 0
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        pages, free, size = (
            database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    return free * size if free > WASTED * pages else 0


def compact(settings: Settings) -> int:
    """Give back what deleted rows have left; the bytes that were freed. No server may run on the file."""
    file = settings.prefect_home / "prefect.db"
    if free_bytes(settings) == 0:
        return 0
    before = file.stat().st_size
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before - file.stat().st_size


def migrated_by_prefect(home: Path) -> Path:
    """Let Prefect's own migrations make a database in an empty folder; returns its file. Takes about 14 s."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    subprocess.run(
        [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"],
        env={**environ, "PREFECT_HOME": str(home), "DO_NOT_TRACK": "1"},
        check=True,
        capture_output=True,
    )
    return home / "prefect.db"


def dump(database: Path) -> str:
    """The statements that make a database, in the order in which they must run."""
    with closing(sqlite3.connect(database)) as connection:
        return "\n".join(connection.iterdump()) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        SCHEMA.write_text(dump(migrated_by_prefect(Path(folder))), encoding="utf-8")
