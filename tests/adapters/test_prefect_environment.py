"""What a process of ours finds in its environment, and what it leaves to the user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters import prefect_environment, prefect_worker
from adapters.prefect_environment import APPLIED, environment, external_url
from settings import Settings, load


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Prefect variable from outside, and everything that a test applies is undone after it."""
    for name in list(os.environ):
        if name.startswith(("PREFECT_", "LEARNBACK_")) or name == "DO_NOT_TRACK":
            monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", dict(os.environ))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(home=tmp_path)


def test_keeps_prefect_under_the_home_folder_and_off_the_network(settings: Settings) -> None:
    got = environment(settings, port=4321)
    assert got["PREFECT_HOME"] == str(settings.prefect_home)
    assert got["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert got["DO_NOT_TRACK"] == "1"
    assert got["PREFECT_SERVER_UI_V2_ENABLED"] == "false"


def test_all_names_of_the_address_agree(settings: Settings) -> None:
    got = environment(settings, port=4321)
    assert got["PREFECT_API_URL"] == "http://127.0.0.1:4321/api"
    assert (got["PREFECT_SERVER_API_HOST"], got["PREFECT_SERVER_API_PORT"]) == ("127.0.0.1", "4321")
    assert got["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == "http://127.0.0.1:4321,http://localhost:4321"


def test_says_no_address_where_no_server_runs(settings: Settings) -> None:
    assert "PREFECT_API_URL" not in environment(settings)


def test_prefect_knows_every_variable(settings: Settings) -> None:
    from prefect.settings.legacy import _get_settings_fields
    from prefect.settings.models.root import Settings as PrefectSettings

    known = set(_get_settings_fields(PrefectSettings))
    ours = {name for name in environment(settings, port=1) if name.startswith("PREFECT_")}
    assert ours - known == {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"}, "a key of logging.yml, tested with the worker"


def test_the_user_always_wins(settings: Settings) -> None:
    os.environ |= {"PREFECT_HOME": "/elsewhere", "PREFECT_SERVER_UI_V2_ENABLED": "true"}
    got = environment(settings, port=4321)
    assert not {"PREFECT_HOME", "PREFECT_SERVER_UI_V2_ENABLED"} & got.keys()


def test_a_server_of_the_users_own_is_used(settings: Settings) -> None:
    os.environ["PREFECT_API_URL"] = "https://prefect.example/api"
    assert external_url() == "https://prefect.example/api"
    assert not [name for name in environment(settings, port=4321) if name.startswith("PREFECT_SERVER_API")]


def test_what_was_applied_is_not_mistaken_for_the_users(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_environment, "running_port", lambda _: 4321)
    prefect_environment.apply(settings)
    assert os.environ["PREFECT_API_URL"] == "http://127.0.0.1:4321/api"
    assert external_url() is None, "neither this process nor a child of it may take it for the user's own server"
    monkeypatch.setattr(prefect_environment, "running_port", lambda _: None)
    prefect_environment.apply(settings)
    assert "PREFECT_API_URL" not in os.environ
    assert "PREFECT_HOME" in os.environ[APPLIED].split(",")


def test_a_run_elsewhere_finds_every_setting_that_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    got = prefect_worker.settings_environment(
        load(home="here", database_url="postgresql://me:word@host/base", groups=3, extracts="queries")
    )
    assert got == {
        "LEARNBACK_HOME": str(tmp_path / "here"),
        "LEARNBACK_DATABASE_URL": "postgresql://me:word@host/base",
        "LEARNBACK_EXTRACTS": str(tmp_path / "queries"),
        "LEARNBACK_GROUPS": "3",
    }
