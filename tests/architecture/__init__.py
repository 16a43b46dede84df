"""The rules of the house (docs/reference/architecture.md), each held by a test."""
