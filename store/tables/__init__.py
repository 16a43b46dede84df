"""The declared schema, one file a domain. Migrations build it; a test holds the two together."""

from store.tables.agents import Batches, BatchItems, CostEvents
from store.tables.backfills import BackfillSteps
from store.tables.base import SCHEMA, Base
from store.tables.health import BusinessMetrics, HealthVerdicts, Notices
from store.tables.messages import MessageTests
from store.tables.outreach import Decisions, Leads, Removals, ScoreVersions, Touches
from store.tables.patterns import PatternHeads, Patterns, PopulationPriors, Verdicts
from store.tables.planning import PlannedTouches, Plans
from store.tables.runs import AuditLog, Quarantine, Runs, Slices
from store.tables.tenants import Tenants
from store.tables.tokens import ApiTokens

REVISION = "health"
"""The migration that this code needs; `learnback migrate` brings a database there."""

__all__ = [
    "REVISION",
    "SCHEMA",
    "ApiTokens",
    "AuditLog",
    "BackfillSteps",
    "Base",
    "BatchItems",
    "Batches",
    "BusinessMetrics",
    "CostEvents",
    "Decisions",
    "HealthVerdicts",
    "Leads",
    "MessageTests",
    "Notices",
    "PatternHeads",
    "Patterns",
    "PlannedTouches",
    "Plans",
    "PopulationPriors",
    "Quarantine",
    "Removals",
    "Runs",
    "ScoreVersions",
    "Slices",
    "Tenants",
    "Touches",
    "Verdicts",
]
