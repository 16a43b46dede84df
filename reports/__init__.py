"""Records in, pictures and pages out. No clock, no database, no network: `tasks` and `cli` write what comes back."""
