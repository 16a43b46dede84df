"""The columns of the extracts, declared once: extraction, checks, importer, simulation and docs all read this list.

Types are named here by what they mean, so that the list imports neither Polars nor SQLAlchemy:
`uuid` (16 bytes), `text`, `int`, `float`, `bool`, `time` (UTC, microseconds), `json` (text that holds JSON).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["uuid", "text", "int", "float", "bool", "time", "json"]

COMPONENTS = ("data_quality", "authority", "company_fit", "timing", "risk")
"""The five parts of a lead's score, each in [0, 1], in the order of every weight vector in this project."""

DEFAULT_WEIGHTS = (0.20, 0.25, 0.25, 0.15, 0.15)
"""Weights in force until a tenant's own are published (the specification's 16A is missing: assumed)."""

CHANNELS = ("email", "sms", "linkedin", "voice", "mail")
STATUSES = ("new", "contacted", "replied", "meeting", "converted", "lost", "opted_out")

DIMENSIONS = ("title", "industry", "employee_band", "country", "source")
"""Lead columns whose levels WHO compares; `employee_band` is derived from `employee_count`."""

EMPLOYEE_BANDS = (10, 50, 200, 1000)
"""Upper edges of the employee bands, inclusive."""

CONTENT_FEATURES = (
    "subject_type",
    "cta",
    "angle",
    "pain_point",
    "length_band",
    "personalised",
    "has_question",
    "has_number",
)
"""Typed columns of a touch's content, computed once per distinct template at capture or import."""

HEADLINE_FEATURES = (
    "question",
    "number",
    "you",
    "superlative",
    "negative",
    "person",
    "deixis",
    "how_why",
    "list",
    "quote",
    "exclaim",
    "ellipsis",
    "all_caps",
    "two_sentences",
    "short",
    "long",
)
"""Present or absent in a variant of a randomised message test; read off its text."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an extract.

    required: the query must return it. nullable: a null in it is not a defect.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = True
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Extract:
    """A declared query's result: its name, its columns, and the column that dates a row.

    optional: a source may have no such thing; the extract is then empty.
    """

    name: str
    columns: tuple[Column, ...]
    dated_by: str
    optional: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _optional(name: str, kind: Kind, meaning: str) -> Column:
    return Column(name, kind, meaning, required=False, nullable=True)


LEADS = Extract(
    "leads",
    (
        Column("tenant_id", "uuid", "whose lead it is"),
        Column("lead_id", "uuid", "the lead; ties in time are broken by it"),
        Column("created_at", "time", "when the lead entered the source"),
        Column("status", "text", f"one of {', '.join(STATUSES)}"),
        Column("converted_at", "time", "when the lead converted; null while it has not", nullable=True),
        _optional("scored_at", "time", "when the components were taken; later than as-of, they are not used"),
        *(_optional(name, "float", f"score component {name}, 0 to 1") for name in COMPONENTS),
        _optional("title", "text", "job title"),
        _optional("industry", "text", "industry"),
        _optional("employee_count", "int", "employees of the lead's company, 0 or more"),
        _optional("country", "text", "country"),
        _optional("source", "text", "where the lead came from"),
        _optional("email", "text", "used only to compute data_quality where components are missing"),
        _optional("phone", "text", "used only to compute data_quality where components are missing"),
        _optional("company", "text", "used only to compute data_quality where components are missing"),
        _optional("opted_out", "bool", "asked not to be contacted"),
        _optional("time_zone", "text", "IANA zone; null is unknown, which is not a defect"),
        _optional("synthetic_time", "bool", "times are ordinal stand-ins written by the importer"),
    ),
    dated_by="created_at",
)

TOUCHES = Extract(
    "touches",
    (
        Column("tenant_id", "uuid", "whose touch it is"),
        Column("touch_id", "uuid", "the touch; ties in time are broken by it"),
        Column("lead_id", "uuid", "whom it reached"),
        Column("channel", "text", f"one of {', '.join(CHANNELS)}"),
        Column("occurred_at", "time", "when it happened"),
        _optional("template_id", "text", "the unit of WHAT: touches from one template vary together"),
        _optional("touch_number", "int", "1 for a lead's first touch"),
        _optional("outcome_at", "time", "the tenant's early outcome of this touch: a reply or a meeting"),
        _optional("score_at_touch", "float", "the lead's score as it was at the touch, 0 to 100"),
        _optional("score_stratum", "int", "decile of that score by the edges frozen with score_version, 0 to 9"),
        _optional("score_version", "text", "WHO version (or 'default') that gave the score and the decile edges"),
        _optional("policy_version", "text", "which policy chose this touch"),
        _optional("propensity", "float", "probability with which the policy chose it, above 0 and at most 1"),
        _optional("led_to_booking", "bool", "the last touch at or before its lead's conversion"),
        *(_optional(name, "text", f"content feature {name}") for name in CONTENT_FEATURES[:5]),
        *(_optional(name, "bool", f"content feature {name}") for name in CONTENT_FEATURES[5:]),
    ),
    dated_by="occurred_at",
)

TENANTS = Extract(
    "tenants",
    (
        Column("tenant_id", "uuid", "the tenant"),
        Column("name", "text", "what people call it"),
        Column("horizon_days", "int", "days after which an unconverted lead counts as resolved (30 unless set)"),
        Column("shares_priors", "bool", "consents to its counts entering the cross-tenant priors"),
        _optional("early_outcome", "text", "reply or meeting, where the tenant declares one"),
        _optional("created_at", "time", "when the tenant was added"),
    ),
    dated_by="created_at",
)

MESSAGE_TESTS = Extract(
    "message_tests",
    (
        Column("tenant_id", "uuid", "whose test it was"),
        Column("test", "text", "the test: its variants were shown at random"),
        Column("text", "text", "the variant's text"),
        Column("shown", "int", "how often it was shown, 1 or more"),
        Column("converted", "int", "how often that led to an outcome, at most as often as it was shown"),
        _optional("tested_at", "time", "when the test ended; later than as-of, it does not exist yet"),
        *(
            _optional(name, "bool", f"the text has the mark {name}; read off it where null")
            for name in HEADLINE_FEATURES
        ),
    ),
    dated_by="tested_at",
    optional=True,
)

EXTRACTS = {extract.name: extract for extract in (TENANTS, LEADS, TOUCHES, MESSAGE_TESTS)}
