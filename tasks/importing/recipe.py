"""What a recipe may say: where a user's file holds a lead's columns, and what must not be used.

A recipe is a TOML file (docs/how-to/import.md). Everything in it is checked before the data file is opened; every
complaint is one MappingError that names the place in the recipe.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from contracts.errors import MappingError
from contracts.outcomes import COMPONENTS

ROW_NUMBER = "row_number"
"""Every file has this column besides its own: 1 for the first row of data."""


RESERVED = frozenset({ROW_NUMBER, "tenant", "key", "position"})


def _some(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


Expression = Annotated[str, AfterValidator(_some)]
"""A DuckDB SQL expression over one row of the file."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """How the file is written."""

    format: Literal["csv", "parquet"] | None = None  # by the file's name where unset
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"  # any that Python knows
    null_values: tuple[str, ...] = ("",)  # texts that mean "missing", in every column
    types: dict[str, str] = {}  # column → DuckDB type, where the one inferred from the whole file is wrong

    @field_validator("encoding")
    @classmethod
    def known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError(
                f"'{value}' is no encoding that Python knows; utf-8, latin-1 and cp1252 are usual"
            ) from None
        return value


class TenantPart(_Part):
    """Whose leads these are: one name, or the column that holds each row's; neither, and the caller names it."""

    name: Annotated[str | None, Field(min_length=1)] = None
    column: str | None = None
    horizon_days: Annotated[int, Field(ge=1, le=3650)] = 30
    shares_priors: bool = False  # consent to its counts entering the cross-tenant priors

    @model_validator(mode="after")
    def not_both(self) -> Self:
        if self.name and self.column:
            raise ValueError("gives both `name` and `column`: keep one of them")
        return self


class Time(_Part):
    """Order of the rows where the file has no timestamps, or the zone of those it has."""

    order_by: tuple[Expression, ...] = ()
    zone: str = "UTC"  # of timestamps that carry none

    @field_validator("zone")
    @classmethod
    def known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"'{value}' is no IANA time zone; 'Europe/London' is one") from None
        return value


class LeadPart(_Part):
    """The lead's columns, each an expression. key: the columns that identify a lead for ever."""

    key: Annotated[tuple[str, ...], Field(min_length=1)]
    converted: Expression | None = None  # 0/1 or true/false; with order_by
    created_at: Expression | None = None
    converted_at: Expression | None = None
    components_at: Expression | None = None  # when the components were known; created_at where unset
    status: Expression | None = None
    title: Expression | None = None
    industry: Expression | None = None
    employee_count: Expression | None = None
    country: Expression | None = None
    source: Expression | None = None
    email: Expression | None = None
    phone: Expression | None = None
    company: Expression | None = None
    opted_out: Expression | None = None
    time_zone: Expression | None = None

    @property
    def expressions(self) -> dict[str, str]:
        """Those that the recipe gives, by column."""
        return {name: value for name, value in self if name != "key" and value is not None}


class PastRank(_Part):
    """A column of ranks in [0, 1] among the rows before the one ranked. null: stands in for missing values."""

    of: Expression
    null: float | None = None


class Recipe(_Part):
    """A whole recipe. Its name is the file's, without `.toml`."""

    name: str
    description: str = ""
    source: Source = Source()
    tenant: TenantPart = TenantPart()
    time: Time = Time()
    lead: LeadPart
    components: dict[str, Expression] = {}
    past_rank: dict[str, PastRank] = {}
    excluded: dict[str, Annotated[str, AfterValidator(_some)]] = {}  # column → why it must not be used

    @property
    def synthetic_time(self) -> bool:
        return bool(self.time.order_by)

    def of_tenant(self, name: str) -> Recipe:
        """The same recipe for one named tenant. Raises MappingError where the recipe names its tenants itself."""
        if self.tenant.name or self.tenant.column:
            raise MappingError(f"the recipe '{self.name}' says itself whose leads these are", do="Leave --tenant out")
        return self.model_copy(update={"tenant": self.tenant.model_copy(update={"name": name})})

    @field_validator("components")
    @classmethod
    def all_or_none(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name not in COMPONENTS:
                raise ValueError(f"has no '{name}'{_hint(name, COMPONENTS)}")
        missing = [name for name in COMPONENTS if name not in value]
        if value and missing:
            raise ValueError(f"lacks {', '.join(missing)}: give all five, or none")
        return value

    @field_validator("past_rank")
    @classmethod
    def free_names(cls, value: dict[str, PastRank]) -> dict[str, PastRank]:
        for name in set(value) & RESERVED:
            raise ValueError(f"may not be called '{name}', which the importer uses itself")
        return value

    @model_validator(mode="after")
    def time_is_told_once(self) -> Self:
        lead = self.lead
        if self.synthetic_time:
            if lead.created_at or lead.converted_at or lead.components_at:
                raise ValueError("gives both [time] order_by and timestamps under [lead]: keep one of them")
            if not lead.converted:
                raise ValueError("gives [time] order_by, and then wants `converted` under [lead]")
        elif not (lead.created_at and lead.converted_at):
            raise ValueError("wants `created_at` and `converted_at` under [lead], or [time] order_by and `converted`")
        elif lead.converted:
            raise ValueError("gives both `converted` and `converted_at` under [lead]: keep the time")
        return self


def built_in() -> dict[str, Path]:
    """The recipes that come with Learnback, by name."""
    folder = Path(str(files("store") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_recipe(name_or_path: str) -> Recipe:
    """Read and check a recipe: a built-in one by its name, any other by its path. Raises MappingError."""
    path = built_in().get(name_or_path, Path(name_or_path))
    try:
        return parse_recipe(path.read_text(encoding="utf-8"), path.stem)
    except FileNotFoundError:
        hint = _hint(name_or_path, tuple(built_in()))
        raise MappingError(f"there is no recipe '{name_or_path}'{hint}", do="Give a TOML file or such a name") from None
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"the recipe {path} cannot be read as UTF-8 text: {error}") from None


def parse_recipe(text: str, name: str) -> Recipe:
    """A recipe from its TOML text. Raises MappingError with the place and, for a wrong key, the nearest right one."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"the recipe '{name}' is not valid TOML: {error}") from None
    try:
        return Recipe.model_validate({**document, "name": name})
    except ValidationError as error:
        complaints = "; ".join(_complaint(detail) for detail in error.errors())
        raise MappingError(f"the recipe '{name}' cannot be used: {complaints}") from None


def _complaint(detail: Any) -> str:
    place, kind = [str(part) for part in detail["loc"]], detail["type"]
    if kind == "extra_forbidden":
        known = _keys(place[:-1])
        return f"{_where(place[:-1])}has no key '{place[-1]}'{_hint(place[-1], known)}"
    if kind == "missing":
        return f"{_where(place[:-1])}lacks '{place[-1]}'"
    return f"{_where(place)}{detail['msg'].removeprefix('Value error, ')}"


def _where(place: list[str]) -> str:
    return f"[{'.'.join(place)}] " if place else "it "


def _keys(place: list[str]) -> tuple[str, ...]:
    parts: dict[str, type[_Part]] = {
        "": Recipe, "source": Source, "tenant": TenantPart, "time": Time, "lead": LeadPart, "past_rank": PastRank,
    }  # fmt: skip
    return tuple(key for key in parts[place[0] if place else ""].model_fields if key != "name" or place)


def _hint(word: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(word, known, n=2, cutoff=0.5)
    return f" (did you mean {' or '.join(near)}?)" if near else f" (known: {', '.join(known)})"
