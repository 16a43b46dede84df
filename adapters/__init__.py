"""Every outside service except the database and Claude, one file each (Prefect, being four processes, has several)."""
