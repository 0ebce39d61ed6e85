"""The bootstrap of an Envoy that shows a certificate, and that knows several control planes."""

from __future__ import annotations

import json

import pytest
import trustme

from cli.main import main
from tests.e2e.envoy_process import validate
from xds.bootstrap import Address, Bootstrap, bootstrap
from xds.bootstrap_tls import ClientTls, secret_files
from xds.wire import to_json


@pytest.fixture
def files(tmp_path):
    ca = trustme.CA()
    issued = ca.issue_cert("edge.example.com")
    (tmp_path / "ca.pem").write_bytes(ca.cert_pem.bytes())
    (tmp_path / "edge.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    (tmp_path / "edge.key").write_bytes(issued.private_key_pem.bytes())
    return tmp_path


def line(files, *more):
    names = {"ca": "ca.pem", "certificate": "edge.pem", "key": "edge.key"}
    tls = [f"--tls-{option}={files / name}" for option, name in names.items()]
    return ["bootstrap", "--node-id", "edge-1", "--json", *tls, *more]


@pytest.mark.e2e
@pytest.mark.parametrize(
    "ads",
    [
        ["a.example.com:18000"],
        ["10.0.0.1:18000", "b.example.com:18000"],
        ["10.0.0.1:18000", "[2001:db8::1]:18000"],
    ],
)
@pytest.mark.parametrize("write", [False, True])
def test_envoy_accepts_it(files, ads, write, capsys):
    """`envoy --mode validate` reads every shape of it, with the files it names."""
    more = [f"--ads={one}" for one in ads] + ([f"--output={files}"] if write else [])
    assert main(line(files, *more)) == 0
    text = (files / "envoy.json").read_text() if write else capsys.readouterr().out
    validate(json.loads(text))


def test_planes_stand_in_the_order_given(files, capsys):
    """One cluster, with a health check, whose endpoints' priority falls."""
    more = ["--ads=10.0.0.1:1", "--ads=10.0.0.2:2", "--ads=10.0.0.3:3"]
    assert main(line(files, *more)) == 0
    made = json.loads(capsys.readouterr().out)
    [cluster] = made["static_resources"]["clusters"]
    found = [
        (
            one.get("priority", 0),
            one["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]["port_value"],
        )
        for one in cluster["load_assignment"]["endpoints"]
    ]
    assert found == [(0, 1), (1, 2), (2, 3)]
    assert cluster["health_checks"][0]["grpc_health_check"] == {}


def test_one_plane_is_not_checked():
    """There is nowhere else to go."""
    message = bootstrap(Bootstrap(Address("10.0.0.1", 1), "n", "c"))
    assert not message.static_resources.clusters[0].health_checks


def test_the_control_plane_is_verified_by_name(files, capsys):
    """By default by the hosts that are connected to; each kind of name as what it is."""
    more = ["--ads=a.example.com:1", "--ads=10.0.0.1:2", "--output", str(files)]
    assert main(line(files, *more)) == 0
    assert trusted(files) == {("DNS", "a.example.com"), ("IP_ADDRESS", "10.0.0.1")}
    assert main(line(files, *more, "--tls-verify=spiffe://corp/control")) == 0
    assert trusted(files) == {("URI", "spiffe://corp/control")}


def trusted(folder):
    [secret] = json.loads((folder / "control-plane-trust.json").read_text())["resources"]
    matchers = secret["validation_context"]["match_typed_subject_alt_names"]
    return {(one["san_type"], one["matcher"]["exact"]) for one in matchers}


def test_keys_are_named_and_never_copied(files, capsys):
    """Neither the bootstrap nor what is written beside it holds one."""
    key = (files / "edge.key").read_text().splitlines()[1]
    out = files / "out"
    assert main(line(files, "--output", str(out))) == 0
    assert main(line(files)) == 0
    texts = [capsys.readouterr().out, *(path.read_text() for path in out.iterdir())]
    assert len(texts) == 4
    assert not any(key in text for text in texts)


def test_without_an_own_certificate_only_the_plane_is_verified(tmp_path):
    """TLS that is not mutual, for a control plane that asks for no certificates."""
    tls = ClientTls(tmp_path / "ca.pem", ("a",), folder=tmp_path)
    assert list(secret_files(tls)) == ["control-plane-trust.json"]
    made = to_json(bootstrap(Bootstrap(Address("a", 1), "n", "c", tls=tls)))
    assert "tls_certificate_sds_secret_configs" not in json.dumps(made)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--tls-key=k"], "go together"),
        (["--tls-certificate=c", "--tls-key=k"], "--tls-ca is missing"),
        (["--tls-verify=a"], "--tls-ca is missing"),
        (["--tls-ca=ca", "--ads=unix:/run/ads.sock"], "--tls-verify is missing"),
        (["--ads=unix:/run/ads.sock", "--ads=10.0.0.1:1"], "does not go together"),
    ],
)
def test_options_that_do_not_fit_are_refused(more, why, capsys):
    """As a wrong command line, with what is missing."""
    with pytest.raises(SystemExit) as left:
        main(["bootstrap", "--node-id", "edge-1", *more])
    assert left.value.code == 2
    assert why in capsys.readouterr().err
