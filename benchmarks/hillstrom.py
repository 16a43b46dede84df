"""What is a mailing policy worth? Off-policy estimates on Hillstrom's randomised e-mail test, where the truth is known.

64,000 customers were mailed about men's clothes, women's clothes, or not at all, at random; the outcome is a visit
within two weeks. A biased log is drawn from it: recent buyers, who visit more anyway, are mostly kept where they were
mailed about men's clothes. Its propensities are known, so that estimates can be held against the randomised truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from algorithms.off_policy import Log, Value, evaluate
from benchmarks.harness import Figure

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

FILE = Path(__file__).parents[2] / "shared" / "data" / "hillstrom-email" / "hillstrom_email_data.csv.gz"

ARMS = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
RECENT_MONTHS = 4
RECENT_SHARES, OTHER_SHARES = (0.1, 0.7, 0.2), (0.5, 0.15, 0.35)
"""Of the arms in the biased log, among recent buyers and among others."""

SEED = 2

KEYED_ROWS = 2_000
WANTED = {
    2_000: "RMSE about .025, .018, .016, .016; held .94 to .97",
    8_000: "RMSE about .023, .009, .008, .008; held .94 to .97",
}
"""Logged rows → what detectors.md §4 measured for mailing men's clothes to all."""


@dataclass(frozen=True)
class Mailing:
    """All customers of the test. arm, visited, cell: (n,). propensity: (n, arms) of the biased log.

    cell: recent or not × bought men's clothes or not.
    """

    arm: Index
    visited: Floats
    propensity: Floats
    cell: Index
    bought_mens: NDArray[np.bool_]

    def policies(self) -> dict[str, Index]:
        """(n,) arm that each policy would choose."""
        everybody = np.ones(len(self.arm), np.int64)
        by_purchase = np.where(self.bought_mens, 1, 2)
        return {"mail nobody": 0 * everybody, "mens to all": everybody, "womens to all": 2 * everybody,
                "by past purchase": by_purchase}  # fmt: skip

    def truth(self, policy: Index) -> float:
        """Visits under the policy: those of customers whose random arm agrees with it."""
        return float(self.visited[self.arm == policy].mean())


@dataclass(frozen=True)
class Repeats:
    """Estimates from many biased logs of one size. Arrays are (repeats,)."""

    truth: float
    naive: Floats
    snips: Floats
    dr: Floats
    ips: Floats
    covered: Floats  # (repeats, 3): 95 % intervals of IPS, SNIPS, DR hold the truth
    effective_n: Floats

    def beside(self) -> str:
        ips, snips, dr = (f"{share:.2f}" for share in self.covered.mean(axis=0))
        return (
            f"truth {self.truth:.4f}, naive {self.naive.mean():.4f}; RMSE naive {self.rmse('naive'):.4f}, "
            f"IPS {self.rmse('ips'):.4f}, SNIPS {self.rmse('snips'):.4f}, DR {self.rmse('dr'):.4f}; "
            f"95 % hold it: {ips}, {snips}, {dr}"
        )

    def rmse(self, name: str) -> float:
        values: Floats = getattr(self, name)
        return float(np.sqrt(np.mean((values - self.truth) ** 2)))


def read(path: Path) -> Mailing:
    rows = pl.read_csv(path, columns=["recency", "mens", "segment", "visit"])
    recent = (rows["recency"] <= RECENT_MONTHS).to_numpy()
    mens = (rows["mens"] == 1).to_numpy()
    return Mailing(
        arm=rows["segment"].cast(pl.Enum(ARMS)).to_physical().to_numpy().astype(np.int64),
        visited=rows["visit"].to_numpy().astype(np.float64),
        propensity=np.where(recent[:, None], RECENT_SHARES, OTHER_SHARES),
        cell=2 * recent.astype(np.int64) + mens,
        bought_mens=mens,
    )


def biased_log(mailing: Mailing, rows: int, rng: np.random.Generator) -> tuple[Log, Index]:
    """A log of `rows` customers, and who they are. Of each, the arm is kept in proportion to its propensity."""
    own = mailing.propensity[np.arange(len(mailing.arm)), mailing.arm]
    order = rng.permutation(len(own))
    kept = order[rng.random(len(own)) < own[order] / max(*RECENT_SHARES, *OTHER_SHARES)][:rows]
    log = Log(
        arm=mailing.arm[kept],
        outcome=mailing.visited[kept],
        propensity=own[kept],
        cell=mailing.cell[kept],
        fold=np.arange(len(kept)) % 2,
        count=np.ones(len(kept), np.int64),
    )
    return log, kept


def repeat(mailing: Mailing, policy: Index, rows: int, repeats: int) -> Repeats:
    """Estimate the policy's value from many biased logs."""
    rng, truth = np.random.default_rng(SEED), mailing.truth(policy)
    naive, found = [], list[Value]()
    for _ in range(repeats):
        log, kept = biased_log(mailing, rows, rng)
        value = evaluate(log, np.eye(len(ARMS))[policy[kept]])
        assert isinstance(value, Value), value
        naive.append(log.outcome[log.arm == policy[kept]].mean())
        found.append(value)
    each = [(one.ips, one.snips, one.dr) for one in found]
    bounds = np.array([[estimate.interval(0.95) for estimate in of_one] for of_one in each])
    ips, snips, dr = np.array([[estimate.value for estimate in of_one] for of_one in each]).T
    return Repeats(
        truth=truth,
        naive=np.array(naive),
        snips=snips,
        dr=dr,
        ips=ips,
        covered=((bounds[..., 0] <= truth) & (truth <= bounds[..., 1])).astype(np.float64),
        effective_n=np.array([one.effective_n for one in found]),
    )


def figures(quick: bool) -> list[Figure]:
    """hillstrom_snips, hillstrom_dr: mean estimates of mailing men's clothes to all, from logs of 2,000 customers."""
    if not FILE.exists():
        return [Figure(None, None, f"Hillstrom: {FILE.name} is not in {FILE.parent.name}, nothing measured")]
    mailing = read(FILE)
    told: list[Figure] = []
    for rows, wanted in WANTED.items():
        for name, policy in mailing.policies().items():
            found = repeat(mailing, policy, rows, 200 if quick else 400)
            main = name == "mens to all"
            keys = ("hillstrom_snips", "hillstrom_dr") if main and rows == KEYED_ROWS else (None, None)
            about = f"Hillstrom, {name}, {rows:,} logged"
            told.append(Figure(keys[0], float(found.snips.mean()), f"{about}: SNIPS", found.beside(), main * wanted))
            if main:
                told.append(Figure(keys[1], float(found.dr.mean()), f"{about}: DR", "", "the same"))
    return told
