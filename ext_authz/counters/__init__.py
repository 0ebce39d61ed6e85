"""Counters of limits and budgets: one protocol, an embedded store and one that edges share."""
