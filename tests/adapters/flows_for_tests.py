"""A flow small enough to show what the server, the worker and a deployment do with any flow."""

from __future__ import annotations

import socket

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from pydantic import BaseModel, Field

from contracts.errors import UserError


class Greeting(BaseModel):
    """Whom to greet, and how often."""

    name: str = Field(default="world", description="Whom to greet")
    times: int = Field(default=1, description="How often; at least once")


@task
def greet(name: str, times: int) -> str:
    socket.getaddrinfo("localhost", None)  # so that a test sees that look-ups are seen
    return " ".join([f"hello {name}"] * times)


@flow(name="greeting")
def greeting(request: Greeting = Greeting()) -> str:  # noqa: B008
    """Greet, once or more.

    Args:
        request: whom, and how often.
    """
    if request.times < 1:
        raise UserError(f"times is {request.times}", wanted="1 or more is needed", do="Ask for at least one greeting")
    said = greet(request.name, request.times)
    create_markdown_artifact(said, key="greeting")
    return said
