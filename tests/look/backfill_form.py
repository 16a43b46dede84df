"""Start backfills from the Prefect UI by filling its form, as an operator would; and make the two slips that they make.

`python -m tests.look.backfill_form` needs Chromium, and `learnback up` with some tenants (`learnback demo`). Takes
pictures of every filled form and of what became of its run under .learnback/look, and fails where a run did not end
as it should.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import settings
from adapters import prefect_server
from adapters.prefect_status import ask
from contracts.errors import UserError
from store import database, tenants
from tasks.backfilling.request import last_weekly_moment
from tests.look.__main__ import QUIET, find_browser
from tests.look.browser import Browser, opened

WIDTH, HEIGHT = 1400, 1700
PATIENCE = 600  # seconds until a run has ended: an import, an extraction and three steps on a busy machine

FILL = """(async (text, kind, value) => {
    const property = () => [...document.querySelectorAll('form label')].find(
        each => each.innerText.trim().startsWith(text + ' (Optional)')).parentElement.parentElement;
    const press = word => [...property().querySelectorAll('button')].find(
        each => each.innerText.trim() === word).click();
    if (kind === 'date') press('date-time');
    if (kind === 'item') press('Add item');
    const wanted = {date: 'input[type=date]', item: 'textarea', number: 'input'}[kind];
    let field = null;
    for (let tries = 0; tries < 100 && !(field = property().querySelector(wanted)); tries++)
        await new Promise(done => setTimeout(done, 200));
    if (!field) throw new Error('no field under ' + text + ': ' + property().outerHTML.slice(0, 600));
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set.call(field, value);
    for (const event of ['input', 'change', 'blur']) field.dispatchEvent(new Event(event, {bubbles: true}));
    await new Promise(done => setTimeout(done, 300));
    return field.value;
})"""
"""Fills the field under a label, and returns what stands in it then."""

SUBMIT = "[...document.querySelectorAll('button')].find(each => each.innerText.trim() === 'Submit').click()"


@dataclass(frozen=True, slots=True)
class Visit:
    """One filled form. fields: (label, kind, value). ends: state of the run; says: in its message."""

    name: str
    fields: tuple[tuple[str, str, str], ...]
    ends: str
    says: str


def visits(tenant: str, now: datetime) -> list[Visit]:
    """What is filled in: a backfill of two steps, a beginning after its end, and a name that nobody has."""
    end = last_weekly_moment(now).replace(hour=0)
    start, day = end - timedelta(days=7), "%Y-%m-%d"
    good = (("Tenants", "item", tenant), ("From", "date", f"{start:{day}}"), ("To", "date", f"{end:{day}}"))
    late = (("From", "date", f"{end:{day}}"), ("To", "date", f"{start:{day}}"))
    return [
        Visit("backfill", good, "COMPLETED", ""),
        Visit("bad-date", late, "FAILED", "it must not be later than To"),
        Visit(
            "unknown-tenant", (("Tenants", "item", "nobody at all"), *good[1:]), "FAILED", "there is no tenant `nobody"
        ),
    ]


def main() -> None:
    """Make every visit, and print where its pictures lie."""
    loaded = settings.load()
    server = prefect_server.find(loaded)
    if server is None:
        raise UserError("no Prefect server runs here", do="Run `learnback demo` and `learnback up` first")
    folder = loaded.root / "look"
    folder.mkdir(parents=True, exist_ok=True)
    asked = {"flows": {"name": {"any_": ["pattern-backfill"]}}, "deployments": {"name": {"any_": ["manual"]}}}
    deployment = ask(server.api_url, "/deployments/filter", asked)[0]["id"]
    name = tenants.all_tenants(database.open_store(loaded))[0].name
    flags = tuple(flag for flag in QUIET if not flag.startswith("--virtual-time"))
    with opened(find_browser(), flags, WIDTH, HEIGHT) as browser:
        for visit in visits(name, datetime.now(UTC)):
            _make(browser, server.ui_url, server.api_url, deployment, visit, folder)


def _make(browser: Browser, ui: str, api: str, deployment: str, visit: Visit, folder: Path) -> None:
    known = {run["id"] for run in _runs(api, deployment)}
    browser.open(f"{ui}/deployments/deployment/{deployment}/run", until="Publish the last step")
    for label, kind, value in visit.fields:
        filled = browser.script(f"{FILL}({json.dumps(label)}, {json.dumps(kind)}, {json.dumps(value)})")
        if filled != value:
            raise UserError(f"the form holds {filled!r} under {label}", wanted=f"{value!r} was typed")
    print(browser.picture(folder / f"form-{visit.name}.png"))
    browser.script(SUBMIT)
    run = _ended(api, deployment, known)
    browser.open(f"{ui}/runs/flow-run/{run['id']}", until=run["name"])
    browser.wait("document.body.innerText.includes('Beginning flow run')")  # the log comes after the page stands
    print(browser.picture(folder / f"run-{visit.name}.png"))
    said = run["state"]["message"] or ""
    if run["state"]["type"] != visit.ends or visit.says not in said:
        raise UserError(f"{visit.name} ended as {run['state']['type']} ({said})", wanted=f"{visit.ends} was expected")
    print(f"{visit.name}: {run['state']['type']} {said}")


def _runs(api: str, deployment: str) -> list[dict[str, Any]]:
    found = ask(api, "/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}, "limit": 200})
    return [dict(run) for run in found]


def _ended(api: str, deployment: str, known: set[str]) -> dict[str, Any]:
    """The run that the form has started, once it has ended."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        new = [run for run in _runs(api, deployment) if run["id"] not in known]
        if new and new[0]["state"]["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
            return new[0]
        time.sleep(1)
    raise UserError(
        f"no run of the form has ended within {PATIENCE} s", do="Is a worker running? See `learnback status`"
    )


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
