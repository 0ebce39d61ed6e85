"""The documents of the language: what may be written in a policy, section by section."""

from compiler.schema.gateway import GatewayDocument

__all__ = ["GatewayDocument"]
