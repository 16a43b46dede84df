"""The only SQL: tables, tenant scope, the pattern book, the lake, the run ledger, the embedded PostgreSQL."""
