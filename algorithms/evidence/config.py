"""Every number that the evidence engine assumes, with its unit and its reason. Measured in docs/evidence.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EvidenceConfig:
    """Changing one changes what is learned: callers put this into inputs_sha256."""

    effect_sd: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8)  # log-odds by which levels differ, where they do
    effect_weights: tuple[float, ...] = (0.2, 0.3, 0.3, 0.2)  # prior of each; sums to 1
    drift_sd: tuple[float, ...] = (0.0, 0.15, 0.3, 0.6)  # log-odds by which a level moves from block to block
    drift_weights: tuple[float, ...] = (0.55, 0.2, 0.15, 0.1)  # most things move little; sums to 1
    residual_sd: float = 0.1  # log-odds of bias that strata leave, where choices were not logged; .2 halves the power
    min_outcomes: int = 10  # min(conversions, non-conversions); below it nothing was ever claimed
    block_outcomes: int = 12  # conversions, and as many others, that a block of time holds; poorer ones are joined
    stratum_rows: int = 8  # rows in one block; r of them keep (r − 1)/r of their information, and 20 let confounding in
    veto_sd: float = 0.8  # log-odds; the weak prior under which the newest block speaks for itself
    interval: float = 0.90  # share of the posterior inside low … high, and confidence of the newest block's veto
    draws: int = 512  # quasi-random draws behind p_best: a power of 2; error about .01

    def __post_init__(self) -> None:
        for sds, weights in ((self.effect_sd, self.effect_weights), (self.drift_sd, self.drift_weights)):
            if len(sds) != len(weights) or abs(sum(weights) - 1.0) > 1e-9:
                raise ValueError(f"got weights {weights} for {sds}, wanted one for each, summing to 1")
        if min(self.effect_sd) <= 0.0 or self.drift_sd[0] != 0.0:
            raise ValueError("an effect's sd is above 0, and the first drift is none")
