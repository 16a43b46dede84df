"""Records in, pictures and pages out. Pure: no clock, no database, no network; `tasks` and `cli` write what comes back."""
