"""Every table belongs to a tenant or says why not; what is scheduled is what is written."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint

from schedules.plans import PLANS
from schedules.render import FILE, render
from store.tables import Base
from tests.architecture.house import ROOT

OF_NO_TENANT = {
    "learnback.tenants": "its id is the tenant",
    "learnback.runs": "a run speaks of all tenants; only the learner reads it",
    "learnback.slices": "a slice holds a group of tenants; only the learner reads it",
    "learnback.api_tokens": "it is looked up before a tenant is known; only the learner reads it",
    "learnback.population_priors": "learned across tenants that consent; only the learner reads it",
}

OPEN_TO_THE_APP = "learnback_app"


def test_every_table_has_a_tenant_or_a_reason() -> None:
    without = {name for name, table in Base.metadata.tables.items() if "tenant_id" not in table.columns}
    assert without == set(OF_NO_TENANT)


def test_a_tenant_leads_every_key_of_its_rows() -> None:
    """So that one tenant cannot even collide with another's ids."""
    for name, table in Base.metadata.tables.items():
        if name in OF_NO_TENANT:
            continue
        column = table.columns["tenant_id"]
        assert not column.nullable, name
        assert next(iter(table.primary_key.columns)) is column, name
        for constraint in table.constraints:
            if isinstance(constraint, UniqueConstraint):
                assert next(iter(constraint.columns)) is column, f"{name}: {constraint.name}"


def test_row_level_security_is_forced_wherever_there_is_a_tenant() -> None:
    """The rules walk the catalogue for tenant_id; tests/store reads and writes across tenants for real."""
    rules = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "migrations").rglob("*.sql")))
    assert "attname = 'tenant_id'" in rules
    for clause in ("ENABLE ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY", "CREATE POLICY own_tenant"):
        assert clause in rules
    assert "(SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid)" in rules


def test_tables_without_a_tenant_are_closed_to_the_app() -> None:
    rules = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "migrations").rglob("*.sql")))
    for grant in (part for part in rules.split(";") if "GRANT" in part and OPEN_TO_THE_APP in part):
        for name in OF_NO_TENANT:
            if name != "learnback.tenants":
                assert name not in grant, f"{name} is granted to the app"


def test_prefect_yaml_is_what_schedules_render() -> None:
    assert FILE.read_text(encoding="utf-8") == render(PLANS), "run: python -m schedules.render"


def test_every_plan_names_a_flow_that_exists() -> None:
    for plan in PLANS:
        module, _, function = plan.entrypoint.partition(":")
        path = ROOT / f"{module.replace('.', '/')}.py"
        assert path.is_file(), plan.entrypoint
        assert f"def {function}(" in path.read_text(encoding="utf-8"), plan.entrypoint
        assert plan.why
