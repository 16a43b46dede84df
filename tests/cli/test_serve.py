"""`learnback tokens` and `learnback serve`: make a token, read with it, take it back."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine

from cli import api
from cli.tokens import RoleName
from settings import Settings
from store import audit, tenants
from store.tokens import TokenRole
from tests.cli.shell import PATIENCE_SECONDS, ROOT, Shell

TENANT = "Alpine [Outreach]"


@pytest.fixture(scope="module")
def agency(settings: Settings, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A shell beside a store with one tenant."""
    tenants.create(engine, TENANT)
    assert settings.database_url is not None
    return Shell(tmp_path_factory.mktemp("agency")).having(DATABASE_URL=settings.database_url.get_secret_value())


def test_only_the_token_goes_to_stdout(agency: Shell, engine: Engine) -> None:
    said = agency("tokens", "create", "-t", TENANT.lower(), "--role", "operator", "--days", "7", "--purpose", "a try")
    assert said.code == 0
    assert re.fullmatch(r"learnback_[0-9a-f]{12}_[\w-]{43}\n", said.out)
    identity = said.out.split("_")[1]
    assert f"Role operator, opens {TENANT}, valid until " in said.err
    assert f"`learnback tokens revoke {identity}` takes it back" in said.err
    assert said.out.strip() not in said.err
    entry = audit.entries(engine, tenants.resolve(engine, TENANT).id)[0]
    assert (entry.action, entry.detail["purpose"], entry.detail["role"]) == ("create_token", "a try", "operator")


def test_tokens_are_listed_and_taken_back(agency: Shell) -> None:
    made = json.loads(agency("tokens", "create", "--all-tenants", "--json").out)
    assert made["role"] == "reader"
    listed = json.loads(agency("tokens", "list", "--json").out)
    assert listed[0] == {name: value for name, value in made.items() if name != "token"}
    assert agency("tokens", "revoke", made["id"]).out == f"Token {made['id']} for all tenants is revoked.\n"
    table = agency("tokens", "list").out
    assert re.search(rf"{made['id']} +all tenants +reader .*revoked \d{{4}}-", table)
    assert made["token"].split("_", 2)[2] not in table


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("create",), "a token opens one tenant or all of them. Say which: `--tenant NAME`, or `--all-tenants`."),
        (("create", "-t", TENANT, "--all-tenants"), "a token opens one tenant or all of them."),
        (("create", "-t", "Nobody"), "there is no tenant `Nobody`."),
        (("revoke", "nothing"), "no token nothing is in force. `learnback tokens list` names every token by its id."),
    ],
)
def test_what_makes_no_token(agency: Shell, arguments: tuple[str, ...], says: str) -> None:
    said = agency("tokens", *arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(says)


def test_the_command_offers_every_role() -> None:
    assert [role.value for role in RoleName] == [role.value for role in TokenRole]


def test_patterns_are_served_until_ctrl_c(agency: Shell) -> None:
    token = agency("tokens", "create", "-t", TENANT).out.strip()
    with serving(agency) as (process, address):
        assert json.load(urllib.request.urlopen(f"{address}/readyz")) == {"status": "ready"}
        request = urllib.request.Request(f"{address}/patterns/x", headers={"Authorization": f"Bearer {token}"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        refused.value.close()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE_SECONDS)[1]
    assert process.returncode == 130
    assert "GET /readyz 200 " in said
    assert "GET /patterns/x 403 " in said
    assert token.split("_")[1] in said
    assert token.split("_", 2)[2] not in said
    assert said.endswith("Stopped. Nothing is half-written; the same command starts again.\n")


def test_a_port_that_is_taken_is_told_before_anything_starts(agency: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = agency("serve", "--port", str(port))
    assert said.code == 2
    assert said.err.startswith(f"nothing can listen on 127.0.0.1, port {port} (Address already in use).")


def test_no_part_of_an_answer_waits_for_an_acknowledgement() -> None:
    """Found by the benchmark: without this, half of all reads take 45 ms instead of 3."""
    with api._listen("127.0.0.1", 0) as listening:
        client = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
        with client, accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("host", "named", "stays"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("0.0.0.0", "127.0.0.1", False),
        ("::1", "[::1]", True),
        ("10.0.0.7", "10.0.0.7", False),
    ],
)
def test_an_address_that_others_reach_is_warned_of(host: str, named: str, stays: bool) -> None:
    assert (api._named(host), api._stays_here(host)) == (named, stays)


@contextmanager
def serving(shell: Shell) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`learnback serve` on a free port, and where it says that it is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "serve", "--port", "0"],
        stderr=subprocess.PIPE, text=True, cwd=shell.folder,
        env={**os.environ, **shell.variables, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert process.stderr
        for line in process.stderr:
            if found := re.search(r"Patterns are served at (\S+) until", line):
                yield process, found[1]
                return
        pytest.fail("it never said where it serves")
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)
