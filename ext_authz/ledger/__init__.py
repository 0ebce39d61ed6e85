"""The ledger: every request once, from Envoy's usage log into SQLite or PostgreSQL."""
