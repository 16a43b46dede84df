"""Deciding with Claude: skills that design from patterns, the client that asks, and batches for what can wait."""
