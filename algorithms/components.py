"""The five components of a lead's score, where a source brings none: fixed rules over columns known at scoring.

Each is in [0, 1], higher is better; nothing is fitted. A rule reads only what stands there before anyone is contacted:
never status, conversion, opt-out or anything that outreach changes. docs/who.md lists the rules for users.

data_quality  share of title, industry, employees, country, source, e-mail, phone and company that are filled
authority     by title: owner or chief 1.0, vice president or director .8, manager .6, specialist .45, other .35,
              unknown .3, junior or student .1
company_fit   .6 × fit of size (11–200 employees 1.0, up to 1,000 .8, up to 10 .5, above .4, unknown .4)
              + .2 industry known + .2 country known
timing        by source, how close to a decision it is: asked for contact 1.0, referral .9, event .7, content .6,
              advertisement .5, other .4, bought or cold list .2, unknown .3
risk          1 − .4 free-mail address − .2 shared inbox (info@) − .2 no e-mail − .2 no phone; 1 is no known risk
"""

from __future__ import annotations

import polars as pl

from contracts.outcomes import COMPONENTS

FILLED = ("title", "industry", "employee_count", "country", "source", "email", "phone", "company")
PLACEHOLDERS = ("", "-", "?", "n/a", "na", "none", "null", "select", "unknown", "other")

TITLES = (  # first match wins, so `vice president` stands before `president`
    (r"\b(intern|trainee|student|apprentice|junior|assistant)\b", 0.1),
    (r"\b(vice.president|s?vp|head|director)\b", 0.8),
    (r"\b(owner|founder|co-?founder|partner|president|chief|c[efimot]o|managing.director|proprietor)\b", 1.0),
    (r"\b(manager|lead|supervisor|principal)\b", 0.6),
    (r"\b(senior|specialist|engineer|consultant|analyst)\b", 0.45),
)
OTHER_TITLE, UNKNOWN_TITLE = 0.35, 0.3

SIZES = ((10, 0.5), (200, 1.0), (1_000, 0.8))  # up to and including so many employees
LARGER, UNKNOWN_SIZE = 0.4, 0.4

SOURCES = (
    (r"contact|demo|inbound|pricing|trial|chat|call.?back", 1.0),
    (r"refer|recommend|partner", 0.9),
    (r"event|webinar|conference|meetup|fair", 0.7),
    (r"content|blog|organic|search|newsletter|download|seo|website", 0.6),
    (r"\bads?\b|advert|paid|google|facebook|campaign|social|linkedin", 0.5),
    (r"list|bought|purchased|cold|outbound|scrape", 0.2),
)
OTHER_SOURCE, UNKNOWN_SOURCE = 0.4, 0.3

FREE_MAIL = r"@(gmail|googlemail|yahoo|hotmail|outlook|live|icloud|aol|gmx|web|proton|protonmail|mail)\.[a-z.]+$"
SHARED_INBOX = r"^(info|sales|office|contact|hello|admin|support|team|mail)@"


def by_rule() -> list[pl.Expr]:
    """One Float64 expression a component, named as in COMPONENTS, over the optional columns of `outcomes.LEADS`."""
    rules = {
        "data_quality": pl.mean_horizontal(*(_known(name).cast(pl.Float64) for name in FILLED)),
        "authority": _first_match("title", TITLES, OTHER_TITLE, UNKNOWN_TITLE),
        "company_fit": 0.6 * _size() + 0.2 * _known("industry") + 0.2 * _known("country"),
        "timing": _first_match("source", SOURCES, OTHER_SOURCE, UNKNOWN_SOURCE),
        "risk": 1.0
        - 0.4 * _matches("email", FREE_MAIL)
        - 0.2 * _matches("email", SHARED_INBOX)
        - 0.2 * ~_known("email")
        - 0.2 * ~_known("phone"),
    }
    return [rules[name].cast(pl.Float64).alias(name) for name in COMPONENTS]


def complete(leads: pl.LazyFrame) -> pl.LazyFrame:
    """The leads with every missing component filled by its rule; components that are given stay as they are."""
    given = pl.all_horizontal(pl.col(name).is_not_null() for name in COMPONENTS)
    filled = [pl.coalesce(pl.col(rule.meta.output_name()), rule) for rule in by_rule()]
    return pl.concat([leads.filter(given), leads.filter(~given).with_columns(filled)])


def _known(name: str) -> pl.Expr:
    if name == "employee_count":
        return pl.col(name).is_not_null()
    return ~_text(name).is_in(PLACEHOLDERS)


def _text(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars().str.to_lowercase().fill_null("")


def _matches(name: str, pattern: str) -> pl.Expr:
    return _text(name).str.contains(pattern).cast(pl.Float64)


def _first_match(name: str, patterns: tuple[tuple[str, float], ...], other: float, unknown: float) -> pl.Expr:
    value: pl.Expr = pl.when(_known(name)).then(other).otherwise(unknown)
    for pattern, worth in reversed(patterns):
        value = pl.when(_text(name).str.contains(pattern)).then(worth).otherwise(value)
    return value


def _size() -> pl.Expr:
    value: pl.Expr = pl.when(pl.col("employee_count").is_null()).then(UNKNOWN_SIZE).otherwise(LARGER)
    for upper, worth in reversed(SIZES):
        value = pl.when(pl.col("employee_count") <= upper).then(worth).otherwise(value)
    return value
