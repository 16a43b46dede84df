"""`make faults`: kill -9 at many moments of a run, the same command again, and the same bytes every time.

    python -m tests.faults [--kills 100] [--seed 0] [--command weekly]

Ends with one JSON line: kills, identical, duplicates, half_published, orphans, and more. Exit code 1 unless every trial
was clean.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections import Counter

from tests.faults.commands import COMMANDS
from tests.faults.killing import Trial, moments, tried, undisturbed
from tests.faults.world import house


def main() -> None:
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the house is taken down
    command = COMMANDS[asked.command]
    print("Preparing an agency with one week behind it …", flush=True)
    with house() as made, command.ready(made):
        course = undisturbed(made, command.arguments)
        print(
            f"Undisturbed: {course.entered:.1f} s to its entry in the ledger, {course.lasted:.1f} s of work", flush=True
        )
        trials = []
        for number, moment in enumerate(moments(asked.kills, command.victims, asked.seed), 1):
            begun = time.monotonic()
            trial = tried(made, course, command.arguments, moment)
            trials.append(trial)
            print(_line(number, trial, time.monotonic() - begun), flush=True)
            if not trial.clean:
                print(trial.said[-3000:], flush=True)
    print(json.dumps(_figures(asked.command, trials)))
    sys.exit(0 if all(trial.clean for trial in trials) else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="kill -9 at many moments of a run")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", choices=sorted(COMMANDS), default="weekly")
    return parser.parse_args()


def _line(number: int, trial: Trial, seconds: float) -> str:
    where = f"{trial.moment.share:+.2f} {trial.stage}" if trial.hit else f"{trial.moment.share:+.2f} after its end"
    found = "clean" if trial.clean else f"NOT CLEAN {_told(trial)}"
    again = f", {trial.retries + 1} reruns" if trial.retries else ""
    return f"{number:4d}  {trial.moment.victim:26s} {where:30s} {found}{again}  {seconds:.1f} s"


def _told(trial: Trial) -> dict[str, object]:
    names = ("differing", "duplicates", "half_published", "lost_quarantine", "orphans", "unfinished")
    return {name: value for name in names if (value := getattr(trial, name))}


def _figures(command: str, trials: list[Trial]) -> dict[str, object]:
    return {
        "command": command,
        "kills": len(trials),
        "identical": sum(not trial.differing for trial in trials),
        "duplicates": sum(trial.duplicates for trial in trials),
        "half_published": sum(trial.half_published for trial in trials),
        "orphans": sum(len(trial.orphans) for trial in trials),
        "lost_quarantine": sum(trial.lost_quarantine for trial in trials),
        "unfinished": sum(len(trial.unfinished) for trial in trials),
        "at_work": sum(trial.hit for trial in trials),
        "second_reruns": sum(trial.retries > 0 for trial in trials),
        "victims": dict(Counter(trial.moment.victim for trial in trials)),
        "stages": dict(Counter(trial.stage if trial.moment.share >= 0 else "start" for trial in trials)),
    }


if __name__ == "__main__":
    main()
