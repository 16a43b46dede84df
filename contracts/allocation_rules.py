"""A tenant's limits as people write them: the tables of a TOML file, and AllocationRules, each from the other."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from difflib import get_close_matches
from itertools import groupby
from typing import Any

from contracts.allocation import AllocationRules, Exploration
from contracts.errors import UserError
from contracts.outcomes import CHANNELS
from contracts.when import WEEKDAYS

NUMBERS = {
    "min_gap_days": (0.0, 365.0),
    "max_touches": (1, 1_000),
    "notice_hours": (0.0, 168.0),
    "horizon_days": (1, 28),
}
"""Numbers a file may give, with the least and the most that they may be; whole where their limits are."""

SWITCHES = ("paused", "addresses_elsewhere")
TABLES = ("working_hours", "daily_caps", "exploration")
LONGEST_SALT = 64  # bytes: what BLAKE2b takes as a key


def read_rules(written: Mapping[str, Any]) -> AllocationRules:
    """Rules from a file's tables; what it leaves out keeps its default. Raises UserError, which names the place."""
    _known(written, (*NUMBERS, *SWITCHES, *TABLES), "")
    given: dict[str, Any] = {name: _number(name, written[name], *NUMBERS[name]) for name in NUMBERS if name in written}
    given |= {name: _switch(name, written[name]) for name in SWITCHES if name in written}
    if "working_hours" in written:
        given["hours"] = _hours(_table(written, "working_hours"))
    if "daily_caps" in written:
        given["daily_caps"] = _caps(_table(written, "daily_caps"))
    if "exploration" in written:
        given["exploration"] = _exploration(_table(written, "exploration"))
    return AllocationRules(**given)


def write_rules(rules: AllocationRules) -> dict[str, Any]:
    """The tables that give these rules back: what is logged with every plan."""
    exploration = rules.exploration
    drawn = {"on": True, "share": exploration.share, "salt": exploration.salt} if exploration else {"on": False}
    return {
        **{name: getattr(rules, name) for name in (*NUMBERS, *SWITCHES)},
        "working_hours": {day: _spans(rules.hours, at) for at, day in enumerate(WEEKDAYS)},
        "daily_caps": dict(rules.daily_caps),
        "exploration": drawn,
    }


def _known(table: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    for name in table:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"Did you mean `{near[0]}`?" if near else f"Known are {', '.join(names)}"
            raise UserError(f"the rules name `{where}{name}`, which there is not", do=hint)


def _table(written: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = written[name]
    if not isinstance(table, Mapping):
        raise UserError(f"`{name}` is {table!r}", wanted=f"it is a table of its own: [{name}]")
    return table


def _number(name: str, value: Any, low: float, high: float) -> float:
    whole = isinstance(low, int)
    fits = isinstance(value, (int,) if whole else (int, float)) and not isinstance(value, bool)
    if not fits or not math.isfinite(value) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise UserError(f"`{name}` is {value!r}", wanted=f"{kind} from {low:g} to {high:g} is wanted")
    return int(value) if whole else float(value)


def _switch(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UserError(f"`{name}` is {value!r}", wanted="true or false is wanted")
    return value


def _caps(table: Mapping[str, Any]) -> dict[str, int]:
    _known(table, CHANNELS, "daily_caps.")
    return {name: int(_number(f"daily_caps.{name}", value, 0, 100_000)) for name, value in table.items()}


def _exploration(table: Mapping[str, Any]) -> Exploration | None:
    _known(table, ("on", "share", "salt"), "exploration.")
    if not _switch("exploration.on", table.get("on", True)):
        return None
    share = _number("exploration.share", table.get("share", Exploration().share), 0.0, 1.0)
    salt = table.get("salt", Exploration().salt)
    if not isinstance(salt, str) or len(salt.encode()) > LONGEST_SALT:
        raise UserError("`exploration.salt` cannot be used", wanted=f"a text of up to {LONGEST_SALT} bytes is wanted")
    return Exploration(share, salt)


def _hours(table: Mapping[str, Any]) -> tuple[int, ...]:
    """Hours of the week; a day that the table leaves out has none."""
    _known(table, WEEKDAYS, "working_hours.")
    hours = {24 * at + hour for at, day in enumerate(WEEKDAYS) if day in table for hour in _of_day(day, table[day])}
    if not hours:
        raise UserError("`working_hours` has no hour on any day", do="To send nothing, write `paused = true` instead")
    return tuple(sorted(hours))


def _of_day(day: str, text: Any) -> list[int]:
    """`9-12, 13-17` → 9, 10, 11, 13, 14, 15, 16."""
    wanted = 'hours such as "9-17" or "9-12, 13-17" are wanted, "" for none'
    if not isinstance(text, str):
        raise UserError(f"`working_hours.{day}` is {text!r}", wanted=wanted)
    hours: list[int] = []
    for span in filter(None, (part.strip() for part in text.split(","))):
        found = re.fullmatch(r"(\d{1,2})\s*-\s*(\d{1,2})", span)
        if not found or not int(found[1]) < int(found[2]) <= 24:
            raise UserError(f"`working_hours.{day}` holds {span!r}", wanted=wanted)
        hours.extend(range(int(found[1]), int(found[2])))
    return hours


def _spans(hours: tuple[int, ...], weekday: int) -> str:
    """The inverse of `_of_day`."""
    of_day = [hour - 24 * weekday for hour in hours if hour // 24 == weekday]
    runs = [[hour for _, hour in run] for _, run in groupby(enumerate(of_day), lambda pair: pair[1] - pair[0])]
    return ", ".join(f"{run[0]}-{run[-1] + 1}" for run in runs)
