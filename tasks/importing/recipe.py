"""What a recipe may say: where a user's file holds a lead's columns, or a message test's, and what must not be used.

A recipe is a TOML file (docs/how-to/import.md). Everything in it is checked before the data file is opened; every
complaint is one MappingError that names the place in the recipe.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
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


class TestPart(_Part):
    """The columns of one variant of a randomised message test, each an expression."""

    __test__ = False  # no test of ours, whatever its name begins with

    test: Expression
    text: Expression
    shown: Expression
    converted: Expression
    tested_at: Expression | None = None  # when the test ended, where that is known

    @property
    def expressions(self) -> dict[str, str]:
        """Those that the recipe gives, by column."""
        return {name: value for name, value in self if value is not None}


class PastRank(_Part):
    """A column of ranks in [0, 1] among the rows before the one ranked. null: stands in for missing values."""

    of: Expression
    null: float | None = None


class AnyRecipe(_Part):
    """What every recipe says. Its name is the file's, without `.toml`."""

    name: str
    description: str = ""
    source: Source = Source()
    tenant: TenantPart = TenantPart()
    time: Time = Time()
    excluded: dict[str, Annotated[str, AfterValidator(_some)]] = {}  # column → why it must not be used

    def of_tenant(self, name: str) -> Self:
        """The same recipe for one named tenant. Raises MappingError where the recipe names its tenants itself."""
        if self.tenant.name or self.tenant.column:
            raise MappingError(f"the recipe '{self.name}' says itself whose rows these are", do="Leave --tenant out")
        return self.model_copy(update={"tenant": self.tenant.model_copy(update={"name": name})})

    def require_tenant(self) -> None:
        """Raises MappingError where nobody has said yet whose rows these are."""
        if not (self.tenant.name or self.tenant.column):
            raise MappingError(
                f"the recipe '{self.name}' does not say whose rows these are",
                do="Add [tenant] name or column to it, or name the tenant with --tenant",
            )


class TestsRecipe(AnyRecipe):
    """A recipe for a file of message tests."""

    __test__ = False

    message_test: TestPart

    @model_validator(mode="after")
    def no_order(self) -> Self:
        if self.time.order_by:
            raise ValueError("gives [time] order_by, which message tests have no use for")
        return self


class Recipe(AnyRecipe):
    """A recipe for a file of leads."""

    lead: LeadPart
    components: dict[str, Expression] = {}
    past_rank: dict[str, PastRank] = {}

    @property
    def synthetic_time(self) -> bool:
        return bool(self.time.order_by)

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


def load_any_recipe(name_or_path: str) -> Recipe | TestsRecipe:
    """Read and check a recipe: a built-in one by its name, any other by its path. Raises MappingError.

    It is one for message tests where it has that part, and for leads otherwise.
    """
    path = built_in().get(name_or_path, Path(name_or_path))
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        hint = _hint(name_or_path, tuple(built_in()))
        raise MappingError(f"there is no recipe '{name_or_path}'{hint}", do="Give a TOML file or such a name") from None
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"the recipe {path} cannot be read as UTF-8 text: {error}") from None
    document = _document(text, path.stem)
    if TESTS_PART in document:
        return _checked(document, path.stem, TestsRecipe)
    return _checked(document, path.stem, Recipe)


def load_recipe(name_or_path: str) -> Recipe:
    """The same, where only a recipe for leads will do."""
    recipe = load_any_recipe(name_or_path)
    if isinstance(recipe, TestsRecipe):
        raise MappingError(f"the recipe '{recipe.name}' is for message tests", wanted="one for leads is wanted")
    return recipe


def parse_recipe(text: str, name: str) -> Recipe:
    """A recipe for leads from its TOML text. Raises MappingError with the place and the nearest right key."""
    return _checked(_document(text, name), name, Recipe)


def parse_tests_recipe(text: str, name: str) -> TestsRecipe:
    """A recipe for message tests from its TOML text. Raises MappingError likewise."""
    return _checked(_document(text, name), name, TestsRecipe)


def _document(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"the recipe '{name}' is not valid TOML: {error}") from None


R = TypeVar("R", Recipe, TestsRecipe)


def _checked(document: dict[str, Any], name: str, kind: type[R]) -> R:
    try:
        return kind.model_validate({**document, "name": name})
    except ValidationError as error:
        complaints = "; ".join(_complaint(detail, kind) for detail in error.errors())
        raise MappingError(f"the recipe '{name}' cannot be used: {complaints}") from None


TESTS_PART = "message_test"
"""The part that makes a recipe one for message tests."""


def _complaint(detail: Any, whole: type[AnyRecipe]) -> str:
    place, kind = [str(part) for part in detail["loc"]], detail["type"]
    if kind == "extra_forbidden":
        known = _keys(place[:-1], whole)
        return f"{_where(place[:-1])}has no key '{place[-1]}'{_hint(place[-1], known)}"
    if kind == "missing":
        return f"{_where(place[:-1])}lacks '{place[-1]}'"
    return f"{_where(place)}{detail['msg'].removeprefix('Value error, ')}"


def _where(place: list[str]) -> str:
    return f"[{'.'.join(place)}] " if place else "it "


def _keys(place: list[str], whole: type[AnyRecipe]) -> tuple[str, ...]:
    parts: dict[str, type[_Part]] = {
        "": whole, "source": Source, "tenant": TenantPart, "time": Time, "lead": LeadPart, "past_rank": PastRank,
        TESTS_PART: TestPart,
    }  # fmt: skip
    return tuple(key for key in parts[place[0] if place else ""].model_fields if key != "name" or place)


def _hint(word: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(word, known, n=2, cutoff=0.5)
    return f" (did you mean {' or '.join(near)}?)" if near else f" (known: {', '.join(known)})"
