"""What lies in the repository: nothing of the machine that it was written on, and a lock that can be trusted."""

from __future__ import annotations

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.house import ROOT

THIS = Path(__file__).resolve()

HOSTS = re.compile(
    r"\b(?:py"  # in pieces, so that this file names none itself
    r"pi|python"
    r"hosted|npm"
    r"js|crates|anaconda|jfrog|artifactory|nexus)\.(?:org|com|io)\b|--(?:extra-)?index-url",
    re.I,
)
PLACES = re.compile(r"(?<![\w.~}])/(?:work|root|tmp|Users|home/\w+)/")


@cache
def tracked() -> tuple[Path, ...]:
    """Files that git knows; skips where there is no repository, such as in an unpacked archive."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("git, or its folder, is not here")
    paths = (ROOT / name for name in listed.decode().split("\0") if name)
    return tuple(path for path in paths if path.is_file() and path.resolve() != THIS)


def _texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked():
        try:
            found.append((path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue  # a picture or a database file
    return found


def test_no_file_names_a_registry_or_an_index() -> None:
    wrong = [f"{name}: {match[0]}" for name, text in _texts() for match in HOSTS.finditer(text)]
    assert wrong == []


def test_no_file_names_a_place_on_one_machine() -> None:
    wrong = [f"{name}: {match[0]}" for name, text in _texts() for match in PLACES.finditer(text)]
    assert wrong == []


def test_no_file_is_large() -> None:
    """Data is simulated or fetched by the user, never committed."""
    assert [str(path) for path in tracked() if path.stat().st_size > 1_000_000] == []


def test_every_locked_package_is_pinned_and_hashed() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    entries = [line for line in lock.splitlines() if line.strip() and not line.startswith("#")]
    assert len(entries) > 100
    assert [entry[:60] for entry in entries if not re.match(r"^[A-Za-z0-9._\[\],-]+==\S+", entry)] == []
    assert [entry[:60] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_lock_holds_the_build_backend_and_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
    ]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = {name.lower().replace("_", "-") for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, flags=re.M)}
    names = {re.split(r"[\[<>=!~; ]", need)[0].lower().replace("_", "-") for need in wanted}
    assert sorted(names - locked) == []


def test_prefect_is_capped_as_it_survives() -> None:
    """Newer FastAPI stops Prefect 3.8.8's server; SQLAlchemy 2.1 silently stops its schedules."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([a-z0-9-]+)==([0-9.]+)", lock, flags=re.M))
    assert tuple(map(int, locked["fastapi"].split(".")[:2])) < (0, 145)
    assert tuple(map(int, locked["sqlalchemy"].split(".")[:2])) < (2, 1)


def test_warnings_are_errors_and_types_are_strict() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert tools["pytest"]["ini_options"]["filterwarnings"][0] == "error"
    assert tools["mypy"]["strict"] is True


def test_every_folder_with_code_is_packaged() -> None:
    from tests.architecture.house import MAY_IMPORT, folders

    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    packaged = set(tools["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert sorted((folders() & set(MAY_IMPORT)) - packaged - {"tests"}) == []
