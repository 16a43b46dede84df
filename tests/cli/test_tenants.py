"""`learnback tenants`: consent and horizon are chosen by people, and the audit log knows what was chosen."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from cli import tenants as commands
from contracts.errors import UserError
from settings import Settings
from store import audit, tenants


def test_a_choice_is_kept_told_and_audited(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert settings.database_url is not None
    monkeypatch.setenv("LEARNBACK_HOME", str(settings.home))
    monkeypatch.setenv("LEARNBACK_DATABASE_URL", settings.database_url.get_secret_value())
    made = tenants.create(engine, "Alpine [Outreach]")
    commands.set_("alpine [outreach]", share_priors=True, horizon_days=45)
    commands.list_(json=True)
    changed = tenants.resolve(engine, made.name)
    assert (changed.shares_priors, changed.horizon_days, changed.early_outcome) == (True, 45, None)
    assert audit.entries(engine, made.id)[0].detail == {"shares_priors": True, "horizon_days": 45}
    assert "Alpine [Outreach]" in capsys.readouterr().out
    with pytest.raises(UserError, match="nothing was chosen"):
        commands.set_(made.name)
