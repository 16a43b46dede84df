"""Worlds for WHO: leads whose five components decide, by weights that we planted, whether they convert.

For lead i of tenant t with components z_i, at position u in [0, 1] of the tenant's history (1 is now):

    P(converts) = expit(intercept_t + slope · z_i·w_t(u) + base_drift · (u − 1))

- Components: Beta(2, 2) each; authority then takes 40 % of company fit, as titles and companies go together.
- Kinds of tenant. `planted`: w_t ~ Dirichlet(12 · agency), an agency whose truth differs from the defaults.
  `no_signal`: conversion is a coin with the base rate. `incumbent`: w_t are the default weights themselves, so that
  whoever publishes something else is wrong.
- The intercept is found by bisection, so that a tenant's mean conversion probability is its base rate.

How hard it is (measured; default slope 6, 200 tenants, 20,000 fresh leads each): the true weights reach an AUC of
.695 at a base rate of 10 % (.697 at 3 %, .693 at 30 %), the agency's centre .682, the default weights .666. So .030 is
to be won in all and half of it by knowing the agency alone; a tenant's truth lies at a total variation of .21 from that
centre and .31 from the defaults. 1,000 leads with 100 conversions leave a standard deviation of .029 on one AUC: what
is to be learned is no wider than the noise of measuring it. Written down before any learner existed.

Source of the numbers of the agency: detectors.md, §1 and §7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from contracts.outcomes import COMPONENTS, DEFAULT_WEIGHTS

Floats = NDArray[np.float64]
Kind = Literal["planted", "no_signal", "incumbent"]
Item = TypeVar("Item")

BISECTIONS = 40  # of an interval of 60 log-odds: exact to 1e-10


@dataclass(frozen=True)
class LeadsConfig:
    """One world. `sizes`, `kinds` and `base_rates` hold one entry a tenant, or a single one for all."""

    tenants: int = 200
    sizes: Sequence[int] = (1_000,)  # leads of each tenant
    kinds: Sequence[Kind] = ("planted",)
    base_rates: Sequence[float] = (0.10,)  # mean conversion probability, in (0, 1)
    agency: Sequence[float] = (0.10, 0.35, 0.20, 0.30, 0.05)  # centre of the tenants' true weights, sums to 1
    concentration: float = 12.0  # of the Dirichlet around it; higher makes tenants more alike
    slope: float = 6.0  # log-odds between a lead of score 0 and one of score 1; sets the oracle's AUC
    authority_from_fit: float = 0.4  # share of authority that is company fit
    base_drift: float = 0.0  # log-odds gained from a tenant's first lead to its last
    weight_drift: float = 0.0  # share of the true weights that was something else at the first lead, 0 to 1


@dataclass(frozen=True)
class LeadsWorld:
    """Leads in order of time within each tenant, and the truth about them.

    tenant: (n,) index 0 … tenants−1, ascending. components: (n, 5) in [0, 1]. converted: (n,).
    weights: (tenants, 5) as they are now; rows of `no_signal` are zero. intercepts: (tenants,) log-odds, as now.
    """

    config: LeadsConfig
    tenant: NDArray[np.int64]
    components: Floats
    converted: NDArray[np.bool_]
    weights: Floats
    intercepts: Floats
    kinds: tuple[Kind, ...]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(tenants,) leads of each tenant."""
        return np.bincount(self.tenant, minlength=len(self.kinds))


def simulate_leads(config: LeadsConfig, rng: np.random.Generator) -> LeadsWorld:
    """A world of `config.tenants` tenants; the same generator state gives the same world."""
    sizes = np.array(_per_tenant(config.sizes, config.tenants), np.int64)
    kinds = tuple(_per_tenant(config.kinds, config.tenants))
    base_rates = np.array(_per_tenant(config.base_rates, config.tenants))
    tenant = np.repeat(np.arange(config.tenants), sizes)

    weights, earlier = _true_weights(kinds, config, rng), _true_weights(kinds, config, rng)
    components = _draw_components(len(tenant), config, rng)
    position = _position(tenant, sizes)
    moved = config.weight_drift * (1.0 - position)[:, None]
    signal = config.slope * (components * ((1.0 - moved) * weights[tenant] + moved * earlier[tenant])).sum(axis=1)
    signal += config.base_drift * (position - 1.0)

    intercepts = _intercepts(signal, tenant, sizes, base_rates)
    converted = rng.random(len(tenant)) < _expit(intercepts[tenant] + signal)
    return LeadsWorld(config, tenant, components, converted, weights, intercepts, kinds)


def fresh_leads(world: LeadsWorld, tenant: int, n: int, rng: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
    """(n, 5) components and (n,) outcomes of the tenant's next leads, for judging what was learned."""
    components = _draw_components(n, world.config, rng)
    signal = world.config.slope * (components * world.weights[tenant]).sum(axis=1)
    return components, rng.random(n) < _expit(world.intercepts[tenant] + signal)


def _per_tenant(values: Sequence[Item], tenants: int) -> Sequence[Item]:
    if len(values) not in (1, tenants):
        raise ValueError(f"got {len(values)} entries for {tenants} tenants, wanted one each or one for all")
    return values if len(values) == tenants else tuple(values) * tenants


def _true_weights(kinds: Sequence[Kind], config: LeadsConfig, rng: np.random.Generator) -> Floats:
    """(tenants, 5); a draw is made for every tenant, so that kinds do not shift each other's truth."""
    weights = rng.dirichlet(config.concentration * np.array(config.agency), len(kinds))
    for row, kind in enumerate(kinds):
        if kind == "incumbent":
            weights[row] = DEFAULT_WEIGHTS
        elif kind == "no_signal":
            weights[row] = 0.0
    return weights


def _draw_components(n: int, config: LeadsConfig, rng: np.random.Generator) -> Floats:
    components = rng.beta(2.0, 2.0, (n, len(COMPONENTS)))
    authority, fit = COMPONENTS.index("authority"), COMPONENTS.index("company_fit")
    share = config.authority_from_fit
    components[:, authority] = (1.0 - share) * components[:, authority] + share * components[:, fit]
    return components


def _position(tenant: NDArray[np.int64], sizes: NDArray[np.int64]) -> Floats:
    """(n,) place of each lead in its tenant's history: 0 for the first, 1 for the last (1 where there is one lead)."""
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(len(tenant)) - starts[tenant]
    last = np.maximum(sizes - 1, 1)[tenant]
    return np.where(sizes[tenant] > 1, rank / last, 1.0)


def _intercepts(signal: Floats, tenant: NDArray[np.int64], sizes: NDArray[np.int64], base_rates: Floats) -> Floats:
    """(tenants,) log-odds at which the mean of expit(intercept + signal) over a tenant's leads is its base rate."""
    low, high = np.full(len(sizes), -30.0), np.full(len(sizes), 30.0)
    counts = np.maximum(sizes, 1)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        rate = np.bincount(tenant, _expit(middle[tenant] + signal), minlength=len(sizes)) / counts
        low, high = np.where(rate < base_rates, middle, low), np.where(rate < base_rates, high, middle)
    found: Floats = (low + high) / 2.0
    return found


def _expit(x: Floats) -> Floats:
    odds: Floats = np.exp(x)
    return odds / (1.0 + odds)
