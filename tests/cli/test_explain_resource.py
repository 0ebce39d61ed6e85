"""`gatewright explain resource`: from Envoy's resources, and parts of them, to the policy."""

import json

import pytest

from cli import exits
from cli.main import main

POLICY = """\
gatewright: v1
name: edge
listeners: { local: { port: 8080, address: 127.0.0.1 } }
services:
  orders: { endpoints: [10.0.0.1:80], health: { path: /healthz }, circuit: { requests: 8 } }
  stock: { endpoints: [10.0.0.2:80] }
routes:
  - { name: orders, match: /orders, service: orders, timeout: 5s }
  - { name: stock, match: /stock, service: stock }
"""


@pytest.fixture
def explained(tmp_path, capsys):
    path = tmp_path / "gateway.yaml"
    path.write_text(POLICY)

    def run(*words):
        code = main(["explain", "resource", *words, str(path)])
        out, err = capsys.readouterr()
        return code, (out + err).replace(str(path), "G")

    return run


def blamed(text):
    shown = json.loads(text)
    return shown["made_at"], {one["name"]: one["at"] for one in shown["shaped_by"]}


def test_a_resource_leads_to_the_lines_that_made_it(explained):
    """Where it was declared, and each part of the policy without which it is another."""
    code, out = explained("cluster/service/orders", "--json")
    assert code == exits.OK
    made, shaped = blamed(out)
    assert made == "G:5:3"
    assert shaped == {
        "`health` of service `orders`": "G:5:39",
        "`circuit` of service `orders`": "G:5:67",
    }


def test_a_part_leads_to_its_own_lines(explained):
    """One policy's, not those of its neighbours; the part itself is shown."""
    code, out = explained("cluster/orders", "health_checks")
    assert code == exits.OK
    assert "`health` of service `orders`  G:5:39" in out
    assert "circuit" not in out.split("value")[0]
    assert "path: /healthz" in out.split("value")[1]
    _, shaped = blamed(explained("route/local", "stock", "--json")[1])
    assert set(shaped) == {"route `stock`", "`timeout` of route `stock`"}
    _, shaped = blamed(explained("route/local", "virtual_hosts[0].routes[0].route", "--json")[1])
    assert "`timeout` of route `orders`" in shaped


def test_what_is_not_there_is_said_with_what_is(explained):
    """Resources whose names hold the word, names that are near, parts that there are."""
    code, out = explained("cluster/ordes")
    assert code == exits.POLICY
    assert "did you mean `cluster/service/orders`?" in out
    assert "there are `cluster/service/stock`, `endpoints/service/stock`" in explained("x/stock")[1]
    assert "types are cluster, endpoints, listener" in explained("nonsense")[1]
    assert "did you mean `health_checks`?" in explained("cluster/orders", "health_check")[1]
