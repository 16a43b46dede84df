"""Every setting, read in one place and passed down. Variables begin with LEARNBACK_; a `.env` file works too."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.errors import SettingsError
from contracts.retention import Policy

MINIMUM_POSTGRES = 14

DASK = "dask://"
"""Begins the runner that names a Dask scheduler."""


class Settings(BaseSettings):
    """What a deployment may choose. `learnback doctor` prints each with its value and where it came from."""

    model_config = SettingsConfigDict(
        env_prefix="LEARNBACK_", env_file=".env", extra="ignore", frozen=True, populate_by_name=True
    )

    home: Path = Field(Path(".learnback"), description="Folder for everything local: database, lake, server, reports")
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL 14 or newer that holds patterns; unset: an embedded one under home"
    )
    source_url: SecretStr | None = Field(
        None, description="Read-only PostgreSQL that extraction reads; unset: the database above"
    )
    extracts: Path | None = Field(None, description="Folder whose *.sql replace the built-in extract queries")
    expectations: Path | None = Field(None, description="Great Expectations suite that replaces the built-in one")
    lake: str | None = Field(None, description="Folder, or s3://bucket/folder, for Parquet; unset: home/lake")
    groups: int = Field(8, ge=1, le=512, description="Tenant groups: the unit of parallel work")
    extraction: Literal["incremental", "full"] = Field(
        "incremental", description="What a run reads: what changed since the run before, or everything"
    )
    streams: int = Field(2, ge=1, le=16, description="Parallel extraction streams")
    runner: str = Field(
        "threads", description="Where slices run: `threads` of one process, or a Dask scheduler as dask://host:port"
    )
    server_port: int | None = Field(
        None, ge=1, le=65535, description="Port of the local Prefect server; unset: a free one"
    )
    api_host: str = Field("127.0.0.1", description="Address that `learnback serve` listens on: this machine only")
    api_port: int = Field(8460, ge=1, le=65535, description="Port that `learnback serve` listens on")
    keep_days: int = Field(
        400,
        ge=35,
        description="Days that runs, verdicts, plans, batches and reports are kept: a year and a month",
    )
    keep_slice_days: int = Field(
        35, ge=1, description="Days that a run's slices are kept: five weekly runs to look into"
    )
    keep_extracts: int = Field(4, ge=1, description="Runs whose extracts stay in the lake: a month of weeks")
    keep_server_days: int = Field(
        90, ge=1, description="Days that the local Prefect server keeps finished runs, their logs and artifacts"
    )
    keep_log_mib: int = Field(20, ge=1, description="MiB that a log file may reach before its older half goes")
    seed: int = Field(0, description="Seed of every random choice in a run")
    smtp_url: SecretStr | None = Field(
        None, description="Mail server, as smtp://name:password@host:587 or smtps://…; unset: e-mails go to the outbox"
    )
    mail_from: str | None = Field(None, description="Sender of e-mails, as `Name <name@example.com>`")
    webhook_url: SecretStr | None = Field(
        None, description="Where notices of patterns that fail go, as a Slack-compatible webhook; unset: nowhere"
    )
    anthropic_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("LEARNBACK_ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY"),
        description="Key for Claude; unset: that of `ANTHROPIC_API_KEY`; empty: none, and skills work by rules",
    )
    anthropic_base_url: SecretStr | None = Field(None, description="Address to reach Claude at; unset: Anthropic's own")
    model_general: str = Field("claude-sonnet-5-5", description="Claude model for most questions")
    model_quick: str = Field("claude-haiku-5-5", description="Claude model for short and many questions")
    model_hard: str = Field("claude-opus-5-5", description="Claude model for hard questions")
    claude_seconds: float = Field(180.0, ge=1, le=590, description="Seconds to wait for one answer of Claude")
    claude_attempts: int = Field(4, ge=1, le=10, description="Attempts at one answer when Claude is busy or away")

    @field_validator(
        "database_url",
        "source_url",
        "lake",
        "extracts",
        "expectations",
        "server_port",
        "smtp_url",
        "mail_from",
        "webhook_url",
        "anthropic_api_key",
        "anthropic_base_url",
        mode="before",
    )
    @classmethod
    def empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("database_url", "source_url")
    @classmethod
    def postgres_only(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
            raise ValueError("wanted an address that begins with postgresql://")
        return value

    @field_validator("runner")
    @classmethod
    def threads_or_scheduler(cls, value: str) -> str:
        if value in ("", "threads"):
            return "threads"
        host, colon, port = value.removeprefix(DASK).rpartition(":")
        if not (value.startswith(DASK) and host and colon and port.isdecimal() and int(port) < 65536):
            raise ValueError("wanted `threads`, or a scheduler as dask://host:port")
        return value

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process without secrets: whoever unpacks the settings reads these where it is."""
        secrets = tuple(name for name in self.__class__.model_fields if isinstance(getattr(self, name), SecretStr))
        plain = {name: getattr(self, name) for name in self.__class__.model_fields if name not in secrets}
        folders = {"home": self.root} | {
            name: folder.absolute() for name in ("extracts", "expectations") if (folder := getattr(self, name))
        }
        return _arrived, (plain | folders, secrets)

    @field_validator("webhook_url")
    @classmethod
    def http_only(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("wanted an address that begins with https:// or http://")
        return value

    @cached_property
    def root(self) -> Path:
        return self.home.resolve()

    @property
    def lake_url(self) -> str:
        return self.lake or str(self.root / "lake")

    @property
    def retention(self) -> Policy:
        return Policy(
            records=timedelta(days=self.keep_days),
            details=timedelta(days=self.keep_slice_days),
            extracts=self.keep_extracts,
            log_bytes=self.keep_log_mib * 2**20,
        )

    @property
    def postgres_home(self) -> Path:
        return self.root / "postgres"

    @property
    def prefect_home(self) -> Path:
        return self.root / "prefect"

    @property
    def outbox_home(self) -> Path:
        return self.root / "outbox"

    @property
    def reports_home(self) -> Path:
        return self.root / "reports"


def load(**overrides: object) -> Settings:
    """Settings from the environment; raises SettingsError with one sentence a setting, never with its value."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except UnicodeDecodeError:
        raise SettingsError("the file .env is not UTF-8 text", do="Save it as UTF-8, or remove it") from None
    except ValidationError as error:
        faults = "; ".join(f"LEARNBACK_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"the settings cannot be used: {faults}", do="`learnback doctor` explains each") from None


NEEDED = ("database_url", "source_url")
"""Secrets without which a process would work on another database than the one that sent it the settings."""


def _arrived(plain: dict[str, Any], secrets: tuple[str, ...]) -> Settings:
    """The settings that another process has sent, with this one's own secrets; raises SettingsError without them."""
    here = load()
    for name in secrets:
        if name in NEEDED and getattr(here, name) is None:
            raise SettingsError(
                f"LEARNBACK_{name.upper()} is not set on a worker",
                wanted="it is set where the run began",
                do="Give every worker the same databases: docs/how-to/scale-out.md",
            )
    return load(**plain, **{name: getattr(here, name) for name in secrets})
