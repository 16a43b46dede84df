"""`/docs`: every address with what it takes and an example, written from the OpenAPI description.

Of our own making because FastAPI's page loads its scripts from a host elsewhere, and nothing here asks the network.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

router = APIRouter(include_in_schema=False)

BACKTICKS = re.compile(r"`([^`]+)`")

NOTHING_FROM_ELSEWHERE = "default-src 'none'; style-src 'unsafe-inline'"

_templates = Environment(loader=PackageLoader("api"), autoescape=True, undefined=StrictUndefined)
_templates.filters["code"] = lambda text: Markup(BACKTICKS.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704


@dataclass(frozen=True, slots=True)
class _Taken:
    name: str
    place: str
    says: str


@dataclass(frozen=True, slots=True)
class _Operation:
    id: str
    method: str
    path: str
    says: str
    takes: tuple[_Taken, ...]
    answers: tuple[tuple[str, str], ...]
    example: str


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """The description for people."""
    described = request.app.openapi()
    page = _templates.get_template("description.html.j2").render(
        info=described["info"],
        paragraphs=described["info"]["description"].split("\n\n"),
        operations=list(_operations(described, str(request.base_url).rstrip("/"))),
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": NOTHING_FROM_ELSEWHERE})


def _operations(described: Mapping[str, Any], base: str) -> Iterator[_Operation]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            order = _order(described, operation)
            yield _Operation(
                id=operation["operationId"],
                method=method.upper(),
                path=path,
                says=operation["description"],
                takes=(*_parameters(operation), *_fields(order)),
                answers=tuple((status, answer["description"]) for status, answer in operation["responses"].items()),
                example=_curl(base, method, path, operation, order),
            )


def _parameters(operation: Mapping[str, Any]) -> Iterator[_Taken]:
    for one in operation.get("parameters", ()):
        yield _Taken(one["name"], one["in"], one.get("description", ""))


def _order(described: Mapping[str, Any], operation: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The shape of an operation's body; None where it takes none."""
    if "requestBody" not in operation:
        return None
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    reference = schema.get("$ref") or schema["anyOf"][0]["$ref"]  # any of the shape, and null
    shape = described["components"]["schemas"][reference.rpartition("/")[2]]
    assert isinstance(shape, Mapping)
    return shape


def _fields(order: Mapping[str, Any] | None) -> Iterator[_Taken]:
    for name, field in (order or {}).get("properties", {}).items():
        yield _Taken(name, "body", field.get("description", ""))


def _curl(base: str, method: str, path: str, operation: Mapping[str, Any], order: Mapping[str, Any] | None) -> str:
    """A command that can be pasted, once TOKEN holds a token."""
    filled = path.replace("{tenant}", quote("Northwind Dental")).replace("{type}", "who")
    words = ["curl", *(("-X", method.upper()) if method != "get" else ()), shlex.quote(base + filled)]
    line = " ".join(words)
    if operation.get("security"):
        line += ' \\\n  -H "Authorization: Bearer $TOKEN"'
    if order:
        line += f" \\\n  -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(order['examples'][0]))}"
    return line
