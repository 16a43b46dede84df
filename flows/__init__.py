"""Recipes, one file per deployment: a flow body reads like a table of contents."""
