"""How a benchmark is run and told: a readable table, and with --json one JSON object as the last line.

@benchmark("who-truth", "Does WHO find planted weights, and stay silent where there are none?")
def measure(arguments: argparse.Namespace) -> list[Figure]: ...

if __name__ == "__main__":
    measure.main()
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from contracts.errors import UserError

Value = float | int | str | None | Sequence["Value"] | Mapping[str, "Value"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number, or several under one key: a sequence, or a mapping by name.

    key: in the JSON object; None for a figure that is only shown. peer: the same thing measured on a rival or a limit
    in the same run. target: what was promised, in words.
    """

    key: str | None
    value: Value
    meaning: str
    peer: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A measurement with its command line."""

    name: str
    question: str
    measure: Callable[[argparse.Namespace], Sequence[Figure]]
    options: Callable[[argparse.ArgumentParser], object] | None = None

    def main(self, argv: Sequence[str] | None = None) -> None:
        """Parse the command line, measure, print. A missed target is a measurement too, and exits with 0.

        An error for people (UserError) is told in its sentence, and exits with 2.
        """
        parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{self.name}", description=self.question)
        parser.add_argument("--quick", action="store_true", help="a smaller world, under 45 s on two cores")
        parser.add_argument("--json", action="store_true", help="end with one JSON object of the figures")
        if self.options:
            self.options(parser)
        arguments = parser.parse_args(argv)
        began = time.perf_counter()
        try:
            figures = self.measure(arguments)
        except UserError as error:
            print(error, file=sys.stderr)
            sys.exit(error.exit_code)
        self.tell(figures, quick=arguments.quick, seconds=time.perf_counter() - began)
        if arguments.json:
            keyed = {figure.key: _plain(figure.value) for figure in figures if figure.key}
            print(json.dumps({"benchmark": self.name, "quick": arguments.quick, **keyed}))

    def tell(self, figures: Sequence[Figure], *, quick: bool, seconds: float) -> None:
        size = "a smaller world (--quick)" if quick else "full size"
        table = Table(title=self.question, caption=f"{size}, {seconds:.1f} s", title_justify="left")
        table.add_column("figure")
        table.add_column("value", justify="right")
        table.add_column("beside it")
        table.add_column("wanted")
        for figure in figures:
            table.add_row(figure.meaning, _shown(figure.value), figure.peer, figure.target)
        Console(width=None if sys.stdout.isatty() else 140).print(table)


def benchmark(
    name: str, question: str, options: Callable[[argparse.ArgumentParser], object] | None = None
) -> Callable[[Callable[[argparse.Namespace], Sequence[Figure]]], Benchmark]:
    """Turn `measure(arguments) -> figures` into a Benchmark."""

    def wrap(measure: Callable[[argparse.Namespace], Sequence[Figure]]) -> Benchmark:
        return Benchmark(name, question, measure, options)

    return wrap


def _plain(value: Value) -> Any:
    """As JSON holds it: six decimals, null for what is not finite."""
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value


def _shown(value: Value) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "not measured"
    if isinstance(value, Mapping):
        return "\n".join(f"{name} {_shown(one)}" for name, one in value.items())
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) < 10 else f"{value:,.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else ", ".join(map(_shown, value))
