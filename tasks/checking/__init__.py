"""Checks: one pass over each tenant group counts 25 defects, drops what may be dropped, and quarantines the rest.

rules      what each defect looks like in a row, as Polars expressions
marks      every row of a tenant group with its defects: the one pass
rows       some slices of a group: counts per tenant, cleaned files, the first dropped rows
parts      which slices an earlier run has checked already
groups     the quality table of a group's tenants
volumes    how many rows each tenant had in the run before
verdict    the Great Expectations suite decides over the counts of all tenants
documents  Data Docs and the reference page of defects
"""
