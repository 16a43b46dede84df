"""The fast fit gives what the obvious one gives, and the same bits in any company."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from algorithms.simplex_logit import SLOPE_MEAN, SLOPE_SD, TAUS, Sample, WeightPrior, fit
from algorithms.threads import one_thread
from simulation.leads import LeadsConfig, simulate_leads

CENTRES = ((0.2, 0.25, 0.25, 0.15, 0.15), (0.1, 0.35, 0.2, 0.3, 0.05), (0.96, 0.01, 0.01, 0.01, 0.01))


def samples(tenants: int, leads: int, base_rate: float, seed: int) -> list[Sample]:
    config = LeadsConfig(tenants, sizes=(leads,), base_rates=(base_rate,))
    world = simulate_leads(config, np.random.default_rng(seed))
    found = [Sample(world.components[world.tenant == t], world.converted[world.tenant == t]) for t in range(tenants)]
    return [one for one in found if 0 < one.converted.sum() < leads]


def slow_fit(sample: Sample, prior: WeightPrior) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights and evidence by L-BFGS-B over (a, b, γ), b not integrated out, one τ after the other."""
    z, y, w0 = sample.components.astype(float), sample.converted.astype(float), np.array(prior.centre)
    z = z - z.mean(axis=0)
    design = np.column_stack([np.ones(len(y)), np.zeros(len(y)), z])
    gammas, evidence = [], []
    for tau in TAUS:

        def loss(theta: NDArray[np.float64], tau: float = tau) -> tuple[float, NDArray[np.float64]]:
            x, away = theta[0] + z @ theta[2:], theta[2:] - theta[1] * w0
            miss = expit(x) - y
            value = np.sum(np.logaddexp(0, x) - y * x)
            value += away @ away / (2 * tau**2) + (theta[1] - SLOPE_MEAN) ** 2 / (2 * SLOPE_SD**2)
            slope_pull = -(away @ w0) / tau**2 + (theta[1] - SLOPE_MEAN) / SLOPE_SD**2
            return value, np.concatenate([[miss.sum(), slope_pull], z.T @ miss + away / tau**2])

        bounds = [(None, None)] + [(0, None)] * 6
        options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 10_000, "maxfun": 10_000}
        found = minimize(loss, [0.0, 4.0, *(4.0 * w0)], jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        p = expit(found.x[0] + z @ found.x[2:])
        hessian = design.T @ ((p * (1 - p))[:, None] * design)
        hessian[2:, 2:] += np.eye(5) / tau**2
        hessian[1, 1] += w0 @ w0 / tau**2 + 1 / SLOPE_SD**2
        hessian[1, 2:] -= w0 / tau**2
        hessian[2:, 1] -= w0 / tau**2
        prior_log = 5 * np.log(2 * np.pi * tau**2) / 2 + np.log(2 * np.pi * SLOPE_SD**2) / 2
        evidence.append(-found.fun + 3.5 * np.log(2 * np.pi) - np.linalg.slogdet(hessian)[1] / 2 - prior_log)
        gammas.append(found.x[2:])
    share = np.exp(np.array(evidence) + prior.log_tau - np.max(np.array(evidence) + prior.log_tau))
    gamma = share @ np.array(gammas) / share.sum()
    return gamma / gamma.sum(), np.array(evidence)


@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize(("leads", "base_rate"), [(60, 0.1), (300, 0.5), (1_500, 0.05), (400, 0.95)])
def test_agrees_with_the_slow_twin(leads: int, base_rate: float, centre: tuple[float, ...]) -> None:
    prior = WeightPrior(centre, log_tau=(-4.0, -1.0, 0.0, 0.0, -0.5, -2.0))
    some = samples(4, leads, base_rate, seed=leads)
    with one_thread():
        fast = fit(some, [prior] * len(some))
    for row, sample in enumerate(some):
        weights, evidence = slow_fit(sample, prior)
        np.testing.assert_allclose(fast.weights[row], weights, atol=1e-4)
        np.testing.assert_allclose(fast.evidence[row], evidence, atol=1e-3)


def test_a_tenant_gets_the_same_bits_alone_and_among_fifty() -> None:
    many = [one for leads in (40, 333, 1_001) for one in samples(17, leads, 0.2, seed=leads)]
    priors = [WeightPrior(CENTRES[row % 3]) for row in range(len(many))]
    with one_thread():
        together = fit(many, priors)
        for row in range(0, len(many), 5):
            alone = fit(many[row : row + 1], priors[row : row + 1])
            for name in ("weights", "slope", "intercept", "tau_share", "evidence"):
                assert getattr(alone, name)[0].tobytes() == getattr(together, name)[row].tobytes()


@pytest.mark.parametrize("leads", [2, 3, 10])
def test_perfect_separation_and_tiny_samples_stay_finite(leads: int) -> None:
    components = np.linspace(0.0, 1.0, leads)[:, None] * np.ones(5)
    found = fit([Sample(components, components[:, 0] > 0.5)], [WeightPrior()])
    assert np.isfinite(found.weights).all()
    assert found.weights.sum() == pytest.approx(1.0)
    assert (found.weights >= 0.0).all()


def test_a_component_that_harms_gets_no_weight() -> None:
    rng = np.random.default_rng(1)
    components = rng.random((2_000, 5))
    converted = rng.random(2_000) < expit(-2.0 + 4.0 * components[:, 1] - 4.0 * components[:, 4])
    weights = fit([Sample(components, converted)], [WeightPrior()]).weights[0]
    assert weights[4] < 0.01
    assert weights.argmax() == 1


def test_nothing_in_nothing_out() -> None:
    assert fit([], []).weights.shape == (0, 5)
