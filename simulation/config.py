"""What can be planted in a synthetic agency: one frozen config, every knob with its unit and reason.

Effects are log-odds throughout: of a booking per touch at risk, or of a choice by the policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Effects = Literal["null", "dense", "one_arm"]
Policy = Literal["habit", "logged"]


@dataclass(frozen=True, slots=True)
class WorldConfig:
    """The knobs of `simulate`. Raises ValueError where a value cannot describe a world."""

    # Size
    tenants: int = 12
    leads: int = 60_000  # over all tenants, newcomers included
    zipf: float = 1.0  # size of the k-th tenant ~ k^-zipf; 1.0 makes the largest of 200 tenants 17 % of all leads
    newcomers: int = 0  # tenants (the last ones) that joined lately: nothing can be learned from them yet
    newcomer_leads: int = 120  # leads each; at 5 % about two resolved bookings
    newcomer_days: int = 45  # days since they joined: only a third of their leads is past the horizon

    # Who books
    base_rate: float = 0.05  # share of leads that book when their sequence has run; the specification's target
    base_rate_spread: float = 0.35  # SD between tenants, log-odds: a quarter of them books a third more or less often
    slope: float = 6.0  # log-odds per unit of w·z, z in [0, 1]; AUC of the true weights about .70
    weight_centre: tuple[float, ...] = (0.10, 0.35, 0.20, 0.30, 0.05)  # of the tenants' weights; not the defaults
    weight_concentration: float = 12.0  # Dirichlet(12 · centre): single weights spread about ±.12
    score_noise: float = 0.4  # hidden quality, SDs of w·z: what sellers see and no component holds
    source_effect: float = 0.25  # SD of lead sources, log-odds: something true for WHO's dimensions to find
    no_signal_share: float = 0.1  # tenants whose components (and all else) say nothing about booking
    incumbent_share: float = 0.1  # tenants whose true weights are the defaults: nothing better can be learned

    # What, when and how: effects on the hazard of one touch
    effects: Effects = "dense"  # null: none; dense: every level differs; one_arm: one level of each kind does
    effect_sd: float = 0.4  # dense: SD of channels; half of it per content feature, since a touch carries eight
    odds_ratio: float = 2.0  # one_arm: of the one channel, the one angle and the peak hour that differ
    pair_effect: float = 0.2  # dense: SD of (previous channel, channel), on top of the channel
    template_effect: float = 0.2  # SD between templates of equal features; measured .31 on randomised headlines
    peak_effect: float = 0.7  # dense: height of the best hour's bump (SD 2 h) on the lead's clock
    weekday_effect: float = 0.3  # dense: height of the best weekday; weekends have minus this
    drift: float = 0.0  # SD of what each level gains or loses anew in every block of time
    drift_blocks: int = 8  # equal parts of the history; as many as the learners use
    fatigue: float = -0.15  # per further touch of the same lead

    # What the agency did, and what it wrote down
    policy: Policy = "habit"  # habit: people choose by feel, no propensity; logged: by score decile, with propensity
    confounding: float = 0.5  # log-odds per SD of quality with which better leads get the favourite arms; 0, .5, 1
    exploration: float = 0.1  # logged: share of choices that are uniform, so that no arm's propensity vanishes
    templates_per_channel: int = 4

    # Time
    history_days: int = 540
    touches_per_lead: float = 8.0  # planned; booking, the horizon and as-of cut sequences short
    touches_most: int = 16  # longest sequence
    gap_days: float = 3.0  # mean days between touches, at least 1
    horizon_days: int = 30  # sequences end, and leads book, within it
    reporting_delay_days: float = 1.0  # mean delay until a booking is known; unknown ones look unconverted at as-of
    early_outcome_share: float = 0.25  # tenants that also record replies

    # Gaps in the record
    missing_zone_share: float = 0.08  # leads whose time zone is unknown
    opted_out_share: float = 0.02  # of leads whose sequence ended without a booking

    def __post_init__(self) -> None:
        planned = self.newcomers * self.newcomer_leads
        if not 0 <= self.newcomers < self.tenants:
            raise ValueError(f"got {self.newcomers} newcomers among {self.tenants} tenants: at least one must be older")
        if self.leads - planned < self.tenants - self.newcomers:
            raise ValueError(f"got {self.leads} leads for {self.tenants} tenants: too few for one each")
        if not 0 < self.base_rate < 0.9:
            raise ValueError(f"got a base rate of {self.base_rate}: wanted above 0 and below .9")
        if self.no_signal_share + self.incumbent_share > 1:
            raise ValueError("the shares of flat tenants sum to more than 1")
        if self.touches_per_lead < 1 or self.gap_days < 1:
            raise ValueError("a lead is touched at least once, and at most once a day")


def demo_world() -> WorldConfig:
    """The agency of `learnback demo`: 12 tenants, 60,000 leads, about 400,000 touches, 5 % booked over 18 months.

    How hard it is, stated before any learner saw it:

    - Nine tenants are planted. Where the record is complete, their true weights reach an AUC of .695 and the defaults
      .666 (40 tenants of 5,000 leads). A difference of .03 shows on several hundred bookings and not on a hundred,
      where one AUC has a standard error of .03. So some of the four largest tenants (240 to 1,300 bookings) should
      publish WHO, and most of the smaller ones (40 to 150) should be held.
    - Two tenants are flat, one of each kind; nothing may be published for them.
    - One newcomer has 120 leads, about 40 of them resolved, with two bookings or so: too few, to be refused.
    - Channels, hours and templates differ (SD .4 per channel, the best hour about ×2), and better leads get the
      favourite channel, the morning and the favourite template more often (.5 log-odds per SD): naive rates mislead.
    """
    return WorldConfig(newcomers=1)
