"""Prefect tasks, one file per verb. Each verb is a plain function; the thin task around it names it for the UI."""
