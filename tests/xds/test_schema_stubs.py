"""The generated stubs: what mypy learns from them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from xds.stubs import generate, main

GOOD = """
from datetime import timedelta
from xds.schema import envoy, google
from xds.wire import decode, pack

cluster_v3 = envoy.config.cluster.v3

def named(name: str) -> cluster_v3.Cluster:
    cluster = cluster_v3.Cluster(
        name=name,
        connect_timeout=timedelta(seconds=1),
        type="STRICT_DNS",
        lb_policy=cluster_v3.Cluster.LbPolicy.MAGLEV,
        load_assignment={"cluster_name": name},
        health_checks=[envoy.config.core.v3.HealthCheck(timeout={"seconds": 1})],
        typed_extension_protocol_options={"a": pack(google.protobuf.Empty())},
    )
    cluster.connect_timeout.seconds += 1
    kind: envoy.config.cluster.v3.Cluster.DiscoveryType.ValueType = cluster.type
    cluster.type = kind
    if cluster.WhichOneof("cluster_discovery_type") == "type" and cluster.HasField("metadata"):
        cluster.metadata.filter_metadata["x"].update({"y": 1})
    return decode(cluster_v3.Cluster, b"")
"""

# Each line is wrong in one way; the word is what mypy must say about it.
BAD = {
    'envoy.config.cluster.v3.Cluster(nam="x")': "call-arg",
    "envoy.config.cluster.v3.Cluster(name=1)": "arg-type",
    'envoy.config.cluster.v3.Cluster(type="STRICT_DNZ")': "arg-type",
    "envoy.config.cluster.v3.Cluster(load_assignment=google.rpc.Status())": "arg-type",
    "envoy.config.cluster.v3.Cluster(health_checks=[1])": "list-item",
    "envoy.config.cluster.v3.Clustr()": "attr-defined",
    'envoy.config.cluster.v3.Cluster().HasField("nam")': "arg-type",
    "google.rpc.Status().details = google.rpc.Status().details": "misc",
}


def test_stub_is_python_and_complete() -> None:
    """The stub parses, and holds a class for a message of each kind."""
    module = ast.parse(generate())
    classes = {node.name for node in ast.walk(module) if isinstance(node, ast.ClassDef)}
    assert {"Cluster", "ProcessingRequest", "TypedStruct", "Duration", "Status"} <= classes


def test_unchanged_stub_is_not_written_again(tmp_path: Path) -> None:
    """A second run leaves the file alone, so that mypy's cache stays good."""
    target = tmp_path / "stub.pyi"
    main(["--output", str(target)])
    written = target.stat().st_mtime_ns
    main(["--output", str(target)])
    assert target.stat().st_mtime_ns == written


def test_mypy_checks_fields_types_and_enum_names(tmp_path: Path, repository: Path) -> None:
    """It passes right code and refuses each wrong line, each for its own reason."""
    main(["--output", str(tmp_path / "typings" / "xds_api.pyi")])
    (tmp_path / "good.py").write_text(GOOD)
    lines = ["from xds.schema import envoy, google", *BAD]
    (tmp_path / "bad.py").write_text("\n".join(lines) + "\n")
    (tmp_path / "mypy.ini").write_text(
        f"[mypy]\nstrict = true\nmypy_path = {repository}:{tmp_path / 'typings'}\n"
        "namespace_packages = true\nexplicit_package_bases = true\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "good.py", "bad.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    errors = [line for line in run.stdout.splitlines() if ": error: " in line]
    said = {int(line.split(":")[1]): line.rpartition("[")[2].rstrip("]") for line in errors}
    assert all(line.startswith("bad.py:") for line in errors), run.stdout
    assert said == {number: BAD[line] for number, line in enumerate(lines[1:], start=2)}, run.stdout
