"""Slices in the ledger: each piece of work is entered when it begins, and closed with its output or its error."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from contracts.canonical import content_hash
from contracts.runs import Slice
from store import ledger
from store.lake import Manifest
from tasks.connections import store
from tasks.run import Run


@dataclass(frozen=True, slots=True)
class Made:
    """What a slice's work left behind. output: where it lies, below the lake's root."""

    output: str
    rows: int


def recorded(run: Run, piece: Slice, inputs: Iterable[str], work: Callable[[], Made]) -> Made:
    """Do a slice's work under the ledger's eyes. inputs: everything but the code that its output depends on."""
    engine = store(run.settings)
    ledger.begin(engine, run.id, piece, input_hash=content_hash(sorted(inputs)), code_version=run.code_version)
    try:
        made = work()
    except Exception as error:
        ledger.fail(engine, run.id, piece, f"{type(error).__name__}: {error}")
        raise
    ledger.finish(engine, run.id, piece, output=made.output, rows=made.rows)
    return made


def record_extracted(run: Run, manifest: Manifest) -> None:
    """Enter what the extraction wrote, with the place in the source's history from which an increment can begin."""
    watermark = asdict(manifest.watermark)
    pieces = {}
    for extract in sorted({file.extract for file in manifest.files}):
        for group in run.groups:
            files = manifest.of(extract, (group,))
            output = ",".join(file.path for file in files)
            pieces[Slice(f"extract/{extract}", group)] = (output, sum(file.rows for file in files))
    ledger.enter_done(
        store(run.settings),
        run.id,
        pieces,
        input_hash=content_hash([manifest.as_of.isoformat(), watermark]),
        code_version=run.code_version,
        watermark=watermark,
    )
