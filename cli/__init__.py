"""The `gatewright` command: one module a command, and the only package that imports all others."""

__version__ = "0.1.0"
