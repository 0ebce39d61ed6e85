"""Runs in an environment of its own, with the official classes (PyPI's ``xds-protos``) installed.

``fields`` prints the API as those classes have it: message -> field -> enum values. ``encode``
reads a JSON list of [full name, proto3 JSON] and prints the messages' deterministic bytes as hex.
Not a test: tests/xds/test_wire_official.py runs it, because the package may not enter our own
environment, where it would overwrite files of opentelemetry-proto.
"""

from __future__ import annotations

import importlib
import json
import sys
import sysconfig
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool, json_format, message_factory

PACKAGES = ("envoy", "xds", "cel", "opentelemetry")


def load() -> None:
    """Import every generated module, which registers its messages in the default pool."""
    site = Path(sysconfig.get_path("purelib"))
    for package in PACKAGES:
        for module in sorted((site / package).rglob("*_pb2.py")):
            name = ".".join(module.relative_to(site).with_suffix("").parts)
            importlib.import_module(name)


def fields(names: list[str]) -> dict[str, dict[str, list[str]]]:
    """Return the fields, and the enum values they take, of the messages the package has."""
    pool = descriptor_pool.Default()
    found: dict[str, dict[str, list[str]]] = {}
    for name in names:
        try:
            descriptor = pool.FindMessageTypeByName(name)
        except KeyError:
            continue
        found[name] = {
            field.name: [value.name for value in field.enum_type.values] if field.enum_type else []
            for field in descriptor.fields
        }
    return found


def encode(messages: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Read each message from its JSON and serialise it."""
    pool = descriptor_pool.Default()
    out: list[str] = []
    for name, value in messages:
        cls = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
        message = json_format.ParseDict(value, cls())
        out.append(message.SerializeToString(deterministic=True).hex())
    return out


if __name__ == "__main__":
    load()
    given = json.load(sys.stdin)
    json.dump(fields(given) if sys.argv[1] == "fields" else encode(given), sys.stdout)
