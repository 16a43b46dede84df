"""The small agency of the flows' tests, for kills as well."""

from tests.flows.conftest import agency

__all__ = ["agency"]
