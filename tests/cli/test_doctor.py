"""What `learnback doctor` says about each thing that can be wrong, and that it never says a secret."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest

from cli import doctor
from cli.doctor import Finding, Line, examine
from tests.fixtures_prefect import Prefect


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, no `.env`, no variable of ours or Prefect's."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("LEARNBACK_", "PREFECT_")):
            monkeypatch.delenv(name)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        yield other.getsockname()[1]


def line(name: str) -> Line:
    return next(found for found in examine() if found.name == name)


def test_an_empty_folder_is_healthy() -> None:
    lines = examine()
    assert not doctor.failed(lines), [found for found in lines if found.finding is Finding.FAIL]
    assert line("database").said.startswith("the embedded PostgreSQL, not running")
    assert line("server") == Line(
        "server", Finding.WARN, "no Prefect server runs", "`learnback up` starts one; so does `learn`"
    )


def test_every_setting_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("LEARNBACK_GROUPS=4\nLEARNBACK_STREAMS=3\n")
    monkeypatch.setenv("LEARNBACK_STREAMS", "5")
    assert line("LEARNBACK_GROUPS").said == "4  (.env)"
    assert line("LEARNBACK_STREAMS").said == "5  (environment)"
    assert line("LEARNBACK_SEED").said == "0  (default)"


def test_no_secret_is_ever_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEARNBACK_DATABASE_URL", "LEARNBACK_SOURCE_URL"):
        monkeypatch.setenv(name, "postgresql://me:hush@127.0.0.1:1/base?sslpassword=hush")
    lines = examine()
    said = next(found.said for found in lines if found.name == "LEARNBACK_SOURCE_URL")
    assert said == "postgresql://me:***@127.0.0.1:1/base?…  (environment)"
    assert "hush" not in repr(lines)


def test_a_database_that_does_not_answer_is_a_sentence_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEARNBACK_DATABASE_URL", "postgresql://me:hush@127.0.0.1:1/base")
    found = line("database")
    assert found.finding is Finding.FAIL
    assert "LEARNBACK_DATABASE_URL" in found.said
    assert found.remedy


def test_a_value_that_is_none_is_named_and_the_rest_is_still_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEARNBACK_GROUPS", "many")
    found = line("settings")
    assert (found.finding, "LEARNBACK_GROUPS" in found.said) == (Finding.FAIL, True)
    assert line("python").finding is Finding.OK


def test_a_misspelt_variable_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEARNBACK_DATABSE_URL", "postgresql://host/base")
    assert line("LEARNBACK_DATABSE_URL") == Line(
        "LEARNBACK_DATABSE_URL",
        Finding.WARN,
        "no setting has this name, so it does nothing",
        "Did you mean LEARNBACK_DATABASE_URL?",
    )


def test_a_demanded_port_that_is_taken_fails(monkeypatch: pytest.MonkeyPatch, taken_port: int) -> None:
    monkeypatch.setenv("LEARNBACK_SERVER_PORT", str(taken_port))
    found = line("server")
    assert found.finding is Finding.FAIL
    assert found.said == f"LEARNBACK_SERVER_PORT asks for port {taken_port}, which another program has taken"


def test_a_server_of_the_users_own_that_is_silent_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    found = line("server")
    assert found.finding is Finding.FAIL
    assert found.said == "nothing answers at http://127.0.0.1:1/api, which PREFECT_API_URL names"


@pytest.mark.parametrize(
    ("name", "installed", "finding"),
    [
        ("fastapi", "0.144.9", Finding.OK),
        ("fastapi", "0.155.0", Finding.FAIL),
        ("sqlalchemy", "2.0.58", Finding.OK),
        ("sqlalchemy", "2.1.0b2", Finding.FAIL),
        ("prefect", "3.10.1", Finding.FAIL),
    ],
)
def test_packages_outside_their_caps_fail(
    monkeypatch: pytest.MonkeyPatch, name: str, installed: str, finding: Finding
) -> None:
    monkeypatch.setattr("cli.doctor.version", lambda package: installed if package == name else version(package))
    assert line(name).finding is finding


def test_an_old_python_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    assert line("python").said == "3.10.4, and 3.11 or newer is needed"


def test_a_full_disk_fails_and_a_filling_one_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    for gib, finding in ((0.1, Finding.FAIL), (1.0, Finding.WARN), (3.0, Finding.OK)):
        monkeypatch.setattr("shutil.disk_usage", lambda _, gib=gib: usage(0, 0, gib * 2**30))
        assert line("home").finding is finding


def test_a_home_that_is_a_file_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LEARNBACK_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("LEARNBACK_LAKE", str(tmp_path / "lake"))
    assert line("home").finding is Finding.FAIL


def test_an_extracts_folder_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEARNBACK_EXTRACTS", str(tmp_path / "nowhere"))
    found = line("source")
    assert found.finding is Finding.FAIL
    assert "LEARNBACK_EXTRACTS" in found.said


def test_a_running_server_without_deployments_warns(
    prefect_server: Prefect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LEARNBACK_HOME", str(prefect_server.settings.home))
    assert line("server") == Line("server", Finding.OK, f"{prefect_server.api_url.removesuffix('/api')} (local)")
    nothing = tmp_path / "prefect.yaml"
    nothing.write_text('deployments: [{"name": "never registered", "entrypoint": "a.b:c"}]')
    monkeypatch.setattr("adapters.prefect_deployments.PREFECT_YAML", nothing)
    assert line("deployments").said == "never registered of prefect.yaml not registered"


def test_what_it_prints_is_for_people_or_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    lines = (Line("name", Finding.FAIL, "said [x]", "do that"),)
    doctor.show(lines, as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {"name": "name", "finding": "fail", "said": "said [x]", "remedy": "do that"}
    ]
    doctor.show(lines, as_json=False)
    printed = capsys.readouterr().out
    assert "said [x]" in printed
    assert "→ do that" in printed
