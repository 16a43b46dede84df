"""`make look`: what a user sees, as pictures under .learnback/look. Needs Chromium; says so where it is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import settings
from adapters import prefect_server, prefect_status
from contracts.errors import UserError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
    "--virtual-time-budget=8000",  # waits for what the page loads; `--timeout` gave blank pictures
)  # fmt: skip

DARK = ("--force-dark-mode", "--blink-settings=preferredColorScheme=0")

SECONDS = 90

PIECES = 8
"""Pictures of a report: one of all of it would be longer than browsers draw."""

WINDOW = """<body style="margin:0;overflow:hidden"><iframe src="{address}" style="position:absolute;top:-{top}px;
border:0;width:{width}px;height:40000px"></iframe>"""
"""Shows a page from `top` on: a page that is scrolled there itself comes out blank."""


@dataclass(frozen=True, slots=True)
class Look:
    """One picture: its name, the address, the window in pixels, and flags of its own."""

    name: str
    address: str
    width: int
    height: int
    flags: tuple[str, ...] = ()


def main() -> None:
    """Take every picture that can be taken, and print where it lies."""
    loaded = settings.load()
    browser = find_browser()
    folder = loaded.root / "look"
    folder.mkdir(parents=True, exist_ok=True)
    looks = [*_report(loaded.reports_home / "latest.html", folder), *_prefect(loaded)]
    if not looks:
        raise UserError("there is no report and no running server to look at", do="Run `learnback demo` first")
    for look in looks:
        print(_shoot(browser, look, folder / f"{look.name}.png"))


def find_browser() -> str:
    """Chromium under any of its names; raises UserError where there is none."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise UserError(
            "no Chromium was found on this machine",
            wanted=f"one of {', '.join(BROWSERS)} is needed to take pictures",
            do="Install it (Debian: apt-get install chromium) and run `make look` again; `make test` needs none",
        )
    return found


def _report(page: Path, folder: Path) -> Iterator[Look]:
    if not page.exists():
        print(f"No report at {page}: `learnback demo` or `learnback learn` writes one.", file=sys.stderr)
        return
    views = (("report", 1150, 2_400, ()), ("report-dark", 1150, 2_400, DARK), ("report-narrow", 500, 4_800, ()))
    for name, width, tall, flags in views:
        for piece in range(PIECES):
            window = folder / f"window-{width}-{piece}.html"
            window.write_text(WINDOW.format(address=page.as_uri(), width=width, top=piece * tall), encoding="utf-8")
            yield Look(f"{name}-{piece}", window.as_uri(), width, tall, flags)


def _prefect(loaded: settings.Settings) -> Iterator[Look]:
    handle = prefect_server.find(loaded)
    if handle is None:
        print("No Prefect server is running: `learnback up` starts one.", file=sys.stderr)
        return
    newest = prefect_status.ask(handle.api_url, "/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 1})
    yield Look("prefect-runs", f"{handle.ui_url}/runs", 1400, 1000)
    yield Look("prefect-deployments", f"{handle.ui_url}/deployments", 1400, 700)
    for run in newest:
        address = f"{handle.ui_url}/runs/flow-run/{run['id']}"
        yield Look("prefect-run", address, 1400, 1200)
        yield Look("prefect-run-artifacts", f"{address}?tab=Artifacts", 1400, 1200)
    told = prefect_status.ask(handle.api_url, "/artifacts/filter", {"sort": "CREATED_DESC", "limit": 20})
    newest = next((artifact for artifact in told if artifact["key"] == "learning-report"), None)
    if newest:
        yield Look("prefect-learning-report", f"{handle.ui_url}/artifacts/artifact/{newest['id']}", 1400, 12_000)


def _shoot(browser: str, look: Look, target: Path) -> Path:
    """Render one address into a PNG; raises UserError where the browser makes none."""
    target.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="learnback-look-", ignore_cleanup_errors=True) as profile:
        command = [
            browser, *QUIET, *look.flags, f"--user-data-dir={profile}", f"--window-size={look.width},{look.height}",
            f"--screenshot={target}", look.address,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if not target.exists():
        said = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        raise UserError(f"Chromium made no picture of {look.address} ({said})", do="Open the address by hand")
    return target


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
