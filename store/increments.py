"""What a run leaves behind for the next one to begin from: raw rows by period, and what was counted of them.

A *slice* is one tenant group's rows of one period, raw, as extracted. A *part* is some slices of one group that were
checked and summarised together: usually all that have settled, and all that are still moving. A later run replaces the
slices in which a row changed, counts the parts that hold those (or whose time has come) anew, and reuses the rest. All
of it stands in the run's manifest, which appears at once or not at all; nothing else remembers anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from store.lake import LakeFile


@dataclass(frozen=True, slots=True)
class Part:
    """Slices of one tenant group that were checked and summarised together.

    slices: paths of their raw files, which name their content, since no file is ever written twice. checked_by: hash of
    the checks' code. tenants_sha256: of the settings of all tenants that have rows in it. stable_until: it counts alike
    until then. files: its rows as checked. tally, listing: paths of the defects' counts by tenant, and of the first
    dropped rows. dropped: rows by defect. code_version, summaries: what was summarised by which code, learner → path.
    """

    group: int
    periods: tuple[str, ...]
    slices: tuple[str, ...]
    checked_by: str
    tenants_sha256: str
    stable_until: datetime
    files: tuple[LakeFile, ...]
    tally: str
    listing: str
    dropped: Mapping[str, int]
    code_version: str = ""
    summaries: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return label(self.periods)

    @property
    def paths(self) -> set[str]:
        """Every file that it stands on."""
        return {*self.slices, *(file.path for file in self.files), self.tally, self.listing, *self.summaries.values()}


@dataclass(frozen=True, slots=True)
class Increment:
    """Where the next run may begin.

    origin: hash of where rows come from and by which queries; where it differs, everything is read anew. raw: the
    slices' files. parts: what was counted; empty until the checks have ended. since: the run that this one began from,
    None where it read everything. because: why it did.
    """

    origin: str
    raw: tuple[LakeFile, ...]
    parts: tuple[Part, ...] = ()
    since: str | None = None
    because: str = ""

    def raw_of(self, group: int, periods: Collection[str] | None = None) -> tuple[LakeFile, ...]:
        """The raw files of one tenant group, of these periods only where they are given."""
        return tuple(f for f in self.raw if f.group == group and (periods is None or f.period in periods))

    def periods(self, group: int) -> tuple[str, ...]:
        return tuple(sorted({file.period for file in self.raw_of(group)}))

    def parts_of(self, group: int) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.group == group)

    def with_parts(self, parts: Iterable[Part]) -> Increment:
        return replace(self, parts=tuple(sorted(parts, key=lambda part: (part.group, part.label))))

    @property
    def paths(self) -> set[str]:
        """Every file of the lake that a later run would read."""
        return {file.path for file in self.raw}.union(*(part.paths for part in self.parts))


def label(periods: Collection[str]) -> str:
    """The oldest of these periods: what files of a part are named after."""
    return min(periods)


def slices_of(files: Iterable[LakeFile]) -> tuple[str, ...]:
    """What names the content of raw files."""
    return tuple(sorted(file.path for file in files))


def plain(increment: Increment, of_file: Any) -> dict[str, Any]:
    """As JSON. of_file: LakeFile → JSON."""
    return {
        "origin": increment.origin,
        "since": increment.since,
        "because": increment.because,
        "raw": [of_file(file) for file in increment.raw],
        "parts": [
            {
                **{name: value for name, value in asdict(replace(part, files=())).items() if name != "files"},
                "stable_until": part.stable_until.isoformat(),
                "files": [of_file(file) for file in part.files],
            }
            for part in increment.parts
        ],
    }


def parsed(found: Mapping[str, Any], to_file: Any) -> Increment:
    """What `plain` wrote. to_file: JSON → LakeFile."""
    parts = tuple(
        Part(
            **{
                **part,
                "periods": tuple(part["periods"]),
                "slices": tuple(part["slices"]),
                "stable_until": datetime.fromisoformat(part["stable_until"]),
                "files": tuple(to_file(file) for file in part["files"]),
            }
        )
        for part in found["parts"]
    )
    raw = tuple(to_file(file) for file in found["raw"])
    return Increment(found["origin"], raw, parts, found["since"], found["because"])
