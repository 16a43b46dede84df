"""Who the leads are: names, firms, titles and places that agree with their score components.

Authority shows in the title, company fit in the industry and size, timing in the source, data quality in what is
missing. So WHO's dimensions hold something true even where no component is given.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contracts.outcomes import COMPONENTS
from simulation.config import WorldConfig
from simulation.content import FIRST_NAMES

TENANT_NAMES = (
    "Harbour & Pine Dental", "Brightwell Bookkeeping", "Kestrel Courier Services", "Tallow Street Coffee Roasters",
    "Northgate Roofing", "Fenwick & Daughters Solicitors", "Bluebell Veterinary Care", "Ironbridge Fabrication",
    "Copper Beech Physiotherapy", "Mossley Garden Design", "Lantern Language School", "Quayside Property Lettings",
)  # fmt: skip
FIRM_WORDS = (
    "Alder", "Bramble", "Calder", "Dunmore", "Eastfield", "Foxglove", "Granary", "Hollin", "Ivy Lane", "Juniper",
    "Kingsley", "Larkhill", "Millbrook", "Newcombe", "Oakhurst", "Pennine", "Quarry", "Rowan", "Stanton", "Thorne",
)  # fmt: skip
FIRM_KINDS = ("Accounting", "Builders", "Clinics", "Engineering", "Foods", "Joinery", "Logistics", "Studios", "Travel")
LAST_NAMES = (
    "Adeyemi", "Becker", "Clarke", "Doyle", "Evans", "Fischer", "Gupta", "Hughes", "Ibrahim", "Jensen", "Kaur",
    "Lopez", "Murphy", "Novak", "Okafor", "Patel", "Quinn", "Rossi", "Schmidt", "Turner", "Usman", "Walsh", "Young",
)  # fmt: skip
TITLES = (  # by rising authority
    "Assistant", "Coordinator", "Office Manager", "Marketing Manager", "Operations Manager", "Head of Sales",
    "Director", "Managing Director", "Owner",
)  # fmt: skip
INDUSTRIES = ("agriculture", "retail", "hospitality", "construction", "healthcare", "legal", "finance", "software")
SOURCES = ("bought_list", "directory", "linkedin", "event", "website", "referral")  # by rising readiness
PLACES = (  # country, zone, weight
    ("United Kingdom", "Europe/London", 0.45),
    ("Ireland", "Europe/Dublin", 0.07),
    ("Germany", "Europe/Berlin", 0.08),
    ("United States", "America/New_York", 0.14),
    ("United States", "America/Chicago", 0.08),
    ("United States", "America/Los_Angeles", 0.06),
    ("Australia", "Australia/Sydney", 0.08),
    ("India", "Asia/Kolkata", 0.04),
)
ZONES = tuple(zone for _, zone, _ in PLACES)

Codes = NDArray[np.int16]


def tenant_name(index: int) -> str:
    """A small firm's name; distinct for every index."""
    if index < len(TENANT_NAMES):
        return TENANT_NAMES[index]
    word, kind = index % len(FIRM_WORDS), index // len(FIRM_WORDS) % len(FIRM_KINDS)
    branch = index // (len(FIRM_WORDS) * len(FIRM_KINDS))
    return f"{FIRM_WORDS[word]} {FIRM_KINDS[kind]}" + (f", branch {branch + 1}" if branch else "")


def _ranked(rng: np.random.Generator, driver: NDArray[np.float64], levels: int) -> Codes:
    """Level codes that rise with `driver` in [0, 1], blurred by about one level in four."""
    blurred = np.clip(driver + rng.normal(0, 0.15, len(driver)), 0, 0.999)
    return (blurred * levels).astype(np.int16)


def draw_people(rng: np.random.Generator, z: NDArray[np.float64], config: WorldConfig) -> dict[str, NDArray[Any]]:
    """Codes into the vocabularies above, one entry per lead; z: (n, 5) components in the order of COMPONENTS."""
    n = len(z)
    quality, authority, fit, timing, _ = z.T
    missing = rng.random((n, 3)) > 0.55 + 0.45 * quality[:, None]
    return {
        "title": _ranked(rng, authority, len(TITLES)),
        "industry": _ranked(rng, fit, len(INDUSTRIES)),
        "source": _ranked(rng, timing, len(SOURCES)),
        "employees": np.maximum(1, np.exp(rng.normal(1.5 + 4 * fit, 1.0))).astype(np.int32),
        "place": rng.choice(len(PLACES), n, p=[weight for *_, weight in PLACES]).astype(np.int16),
        "first": rng.integers(0, len(FIRST_NAMES), n, dtype=np.int16),
        "last": rng.integers(0, len(LAST_NAMES), n, dtype=np.int16),
        "firm": rng.integers(0, len(FIRM_WORDS) * len(FIRM_KINDS), n, dtype=np.int16),
        "no_email": missing[:, 0],
        "no_phone": missing[:, 1],
        "no_company": missing[:, 2],
        "no_zone": rng.random(n) < config.missing_zone_share,
        "phone_digits": rng.integers(1_000_000, 10_000_000, n, dtype=np.int32),
    }


def _words(vocabulary: tuple[str, ...], codes: NDArray[Any]) -> pl.Series:
    return pl.Series(vocabulary).gather(codes)


def people_frame(people: dict[str, NDArray[Any]], z: NDArray[np.float64]) -> pl.DataFrame:
    """The lead columns that describe a person, in words."""
    firms = tuple(f"{word} {kind}" for kind in FIRM_KINDS for word in FIRM_WORDS)
    domains = tuple(firm.lower().replace(" ", "-") + ".example" for firm in firms)
    frame = pl.DataFrame(
        {
            **{name: z[:, k] for k, name in enumerate(COMPONENTS)},
            "title": _words(TITLES, people["title"]),
            "industry": _words(INDUSTRIES, people["industry"]),
            "employee_count": people["employees"].astype(np.int64),
            "country": _words(tuple(country for country, *_ in PLACES), people["place"]),
            "source": _words(SOURCES, people["source"]),
            "time_zone": _words(ZONES, people["place"]),
            "first": _words(FIRST_NAMES, people["first"]),
            "last": _words(LAST_NAMES, people["last"]),
            "company": _words(firms, people["firm"]),
            "domain": _words(domains, people["firm"]),
            **{name: people[name] for name in ("no_email", "no_phone", "no_company", "no_zone", "phone_digits")},
        }
    )
    address = pl.format("{}.{}@{}", pl.col("first").str.to_lowercase(), pl.col("last").str.to_lowercase(), "domain")
    return frame.with_columns(
        email=pl.when(~pl.col("no_email")).then(address),
        phone=pl.when(~pl.col("no_phone")).then(pl.format("+44 20 {}", "phone_digits")),
        company=pl.when(~pl.col("no_company")).then("company"),
        time_zone=pl.when(~pl.col("no_zone")).then("time_zone"),
    ).drop("first", "last", "domain", "no_email", "no_phone", "no_company", "no_zone", "phone_digits")
