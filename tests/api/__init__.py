"""The HTTP interface on a real store."""
