"""Requests that were recorded: lines of our access log, and what is to be asked of them again."""
