"""One engine for every question of the form: which level is better than today's mix, like compared with like?

WHAT, WHEN and HOW count touches and outcomes by block of time, stratum and level (`LevelCounts`), and `compare` answers
with a `Comparison`: shrunk gains, intervals, calibrated confidence. docs/evidence.md says what the numbers mean.

    statistics   counts → score statistics U, V        coarsen      how fine blocks and strata may be
    kernels      which levels resemble each other      posterior    effects, drift, residual confounding: closed form
    best         which level may be the best           population   how often effects are real
    compare      all of it, many patterns at once      memo         what was computed already
"""

from algorithms.evidence.compare import Compared, compare, compare_statistics, log_bayes_factors, refusal_of
from algorithms.evidence.config import EvidenceConfig
from algorithms.evidence.population import MIN_PATTERNS, P_REAL, learn_p_real
from algorithms.evidence.statistics import LevelCounts, Statistics, gather, score_statistics

__all__ = [
    "MIN_PATTERNS",
    "P_REAL",
    "Compared",
    "EvidenceConfig",
    "LevelCounts",
    "Statistics",
    "compare",
    "compare_statistics",
    "gather",
    "learn_p_real",
    "log_bayes_factors",
    "refusal_of",
    "score_statistics",
]
