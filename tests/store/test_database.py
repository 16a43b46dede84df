"""What a person reads when the database is absent, not theirs, too old or not ready: one sentence, and no secret."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from contracts.errors import DatabaseError
from settings import Settings, load
from store import database
from store.database import SETTING, check_version, explain, open_store
from tests.servers import Server

SECRET = "s3cret-Pa55"


def refusal(settings: Settings) -> str:
    with pytest.raises(DatabaseError) as refused:
        open_store(settings)
    said = str(refused.value)
    assert SECRET not in said + repr(refused.value)
    assert refused.value.__cause__ is None
    assert "\n" not in said
    return said


def test_nobody_listens(settings: Settings) -> None:
    said = refusal(load(home=settings.home, database_url=f"postgresql://me:{SECRET}@127.0.0.1:1/db"))
    assert said == (
        "`LEARNBACK_DATABASE_URL` points at 127.0.0.1:1, and no PostgreSQL answers there. "
        "Correct the address or start that server, or unset the variable to use the embedded one."
    )


def test_no_such_host(settings: Settings) -> None:
    said = refusal(load(home=settings.home, database_url=f"postgresql://me:{SECRET}@no-such-host.invalid/db"))
    assert said.startswith("`LEARNBACK_DATABASE_URL` names a host that does not exist")


def test_no_such_socket(settings: Settings) -> None:
    said = refusal(load(home=settings.home, database_url=f"postgresql://me:{SECRET}@/db?host=/nowhere"))
    assert "no PostgreSQL answers there" in said


def test_wrong_and_missing_password(server: Server) -> None:
    name = server.empty_database()
    server.ask_for_password(name, "guarded", SECRET)
    home = server.home / name
    wrong = f"postgresql://guarded:not-{SECRET}@/{name}?host={server.socket}"
    assert "the password for user guarded is wrong there. Correct user or password in" in refusal(
        load(home=home, database_url=wrong)
    )
    assert "asks for a password, and none is given" in refusal(server.settings(name, "guarded"))
    right = f"postgresql://guarded:{SECRET}@/{name}?host={server.socket}"
    assert "has no Learnback tables yet" in refusal(load(home=home, database_url=right))


def test_no_such_database_and_no_such_user(server: Server) -> None:
    assert "which has no database nowhere. Create it there (`CREATE DATABASE nowhere`)" in refusal(
        server.settings("nowhere")
    )
    assert "which has no user nobody-here. Create that user" in refusal(server.settings("postgres", "nobody-here"))


@pytest.mark.parametrize("url", ["postgresql://me:{}@host:port/db", "postgresql://me:{}@host/db?shoe_size=42"])
def test_no_address_at_all(settings: Settings, url: str) -> None:
    said = refusal(load(home=settings.home, database_url=url.format(SECRET)))
    assert said.startswith("`LEARNBACK_DATABASE_URL` is not a PostgreSQL address. Write it as postgresql://user:")


@pytest.mark.parametrize(("number", "name"), [(90624, "9.6"), (120004, "12.4"), (130999, "13.999")])
def test_too_old(number: int, name: str) -> None:
    with pytest.raises(DatabaseError) as refused:
        check_version(number, SETTING)
    assert str(refused.value) == (
        f"`LEARNBACK_DATABASE_URL` points at PostgreSQL {name}, and 14 or newer is needed. "
        "Upgrade that server, or unset the variable to use the embedded one."
    )


@pytest.mark.parametrize("number", [140000, 150018, 180004])
def test_new_enough(number: int) -> None:
    check_version(number, SETTING)


def test_the_setting_that_is_at_fault_is_named() -> None:
    error = psycopg.OperationalError('connection to server at "db" (10.0.0.1), port 5432 failed: Connection refused')
    assert str(explain(error, "LEARNBACK_SOURCE_URL")) == (
        "`LEARNBACK_SOURCE_URL` points at db:5432, and no PostgreSQL answers there. "
        "Correct the address or start that server."
    )


def test_missing_permission_and_what_nobody_foresaw(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError) as denied:
        connection.execute(text("SELECT FROM runs WHERE flow = :flow"), {"flow": SECRET})
    said = str(explain(denied.value, SETTING))
    assert said.startswith("the user in `LEARNBACK_DATABASE_URL` has no permission for table runs")
    assert SECRET not in said + str(denied.value)  # parameters may be personal data
    with engine.connect() as connection, pytest.raises(DBAPIError) as strange:
        connection.execute(text("SELECT 1 / 0"))
    assert "refused (22012). Its own log says why" in str(explain(strange.value, SETTING))


def test_connections_begin_in_our_schema_as_the_app_in_utc(engine: Engine) -> None:
    asked = text(
        "SELECT current_schema(), current_user, current_setting('TimeZone'), current_setting('application_name')"
    )
    with engine.connect() as connection:
        assert tuple(connection.execute(asked).one()) == ("learnback", "learnback_app", "UTC", "learnback")


def test_a_lost_connection_is_replaced(engine: Engine) -> None:
    """As after a restart of the server."""
    with engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
    with database.connect(str(_url(engine)), SETTING) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (pid,))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != pid


def _url(engine: Engine) -> str:
    with engine.connect() as connection:
        info = connection.connection.driver_connection.info  # type: ignore[union-attr]
        return f"postgresql://{info.user}@/{info.dbname}?host={info.host}"
