"""`gatewright test`: progress, failures, exit codes, JUnit, JSON, coverage, files of tests."""

import json
from xml.etree import ElementTree as ET

import pytest

from cli import exits
from cli.main import main

POLICY = """\
gatewright: v1
name: shop
listeners: { local: { address: 127.0.0.1, port: 8080 } }
services: { orders: { endpoints: [orders.internal:8080] } }
routes:
  - { name: orders, match: /orders, service: orders, rewrite: { prefix: /v2 } }
  - { name: old, match: /old, redirect: { path: /orders } }
tests:
  - name: orders go to the service
    request: { path: /orders/7 }
    expect: { route: orders, path: /v2/7, status: 200 }
"""
WRONG = """\
  - name: nothing is below the root
    request: { path: "/elsewhere?<x>" }
    expect: { status: 200, route: old }
"""


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text(POLICY)
    return path


def test_what_is_as_expected_is_a_dot(policy, capsys):
    """One line a file, and the sum."""
    assert main(["test", str(policy)]) == exits.OK
    out, err = capsys.readouterr()
    assert out.startswith(f"{policy} .\n\n1 passed in ")
    assert err == ""


def test_what_is_not_is_shown_with_its_trace(policy, capsys):
    """Expected and got beside each other, and the lines of the policy."""
    policy.write_text(POLICY + WRONG)
    assert main(["test", str(policy)]) == exits.POLICY
    out = capsys.readouterr().out
    assert f"{policy} .F\n" in out
    assert "____ nothing is below the root ____\n" in out
    assert f"{policy}:12:11\n" in out
    assert "  route   expected  old\n          got       none\n" in out
    assert "  status  expected  200\n          got       404\n" in out
    assert "GET /elsewhere?<x>\n" in out
    assert f"{policy}:3:14\n" in out
    assert "1 failed, 1 passed in " in out


def test_words_choose_tests_and_v_names_them(policy, capsys):
    """What has no such word is not run; nothing at all is no success."""
    policy.write_text(POLICY + WRONG)
    assert main(["test", str(policy), "-k", "SERVICE", "-v"]) == exits.OK
    assert f"{policy}:9 orders go to the service PASSED\n" in capsys.readouterr().out
    assert main(["test", str(policy), "-k", "nobody"]) == exits.USAGE
    assert "there are no tests: none has `nobody` in its name" in capsys.readouterr().err


def test_the_first_failure_may_be_the_last(policy, capsys):
    """`-x` asks no further."""
    policy.write_text(POLICY + WRONG + WRONG.replace("nothing", "again nothing"))
    assert main(["test", str(policy), "-x"]) == exits.POLICY
    assert "1 failed, 1 passed" in capsys.readouterr().out


def test_wrong_tests_and_policies_are_2(policy, capsys):
    """They are shown as errors of a policy are."""
    policy.write_text(POLICY.replace("route: orders", "route: order"))
    assert main(["test", str(policy)]) == exits.USAGE
    assert "did you mean `orders`?" in capsys.readouterr().err
    other = policy.with_name("other.yaml")
    other.write_text(POLICY)
    assert main(["test", str(policy), str(other)]) == exits.USAGE
    assert "two policies" in capsys.readouterr().err


def test_files_of_tests(policy, capsys):
    """Those beside the policy are run with it, and by themselves where they are named."""
    more = policy.with_name("gateway.more.test.yaml")
    more.write_text("tests:" + POLICY.split("tests:")[1])
    assert main(["test", str(policy)]) == exits.OK
    assert "2 passed" in capsys.readouterr().out
    assert main(["test", str(policy), str(more)]) == exits.OK
    assert "1 passed" in capsys.readouterr().out
    assert main(["test", str(more)]) == exits.OK
    assert "1 passed" in capsys.readouterr().out
    more.write_text(more.read_text().replace("status: 200", "stauts: 200"))
    assert main(["test", str(policy)]) == exits.USAGE
    said = capsys.readouterr().err
    assert f"--> {more}:4:" in said
    assert "did you mean `status`?" in said
    more.write_text("- a")
    assert main(["test", str(policy)]) == exits.USAGE
    assert "a file of tests is a mapping" in capsys.readouterr().err


def test_json_holds_all_of_it(policy, capsys):
    """Cases with their differences and traces, counts, coverage."""
    policy.write_text(POLICY + WRONG)
    assert main(["test", str(policy), "--json", "--coverage"]) == exits.POLICY
    shown = json.loads(capsys.readouterr().out)
    assert shown["counts"] == {"passed": 1, "failed": 1, "error": 0, "skipped": 0}
    right, wrong = shown["cases"]
    assert (right["outcome"], right["differences"]) == ("passed", [])
    assert right["trace"]["sent"][0]["path"] == "/v2/7"
    assert wrong["differences"][0] == {"what": "route", "expected": "old", "got": "none"}
    missed = [part["name"] for part in shown["coverage"]["parts"] if not part["touched"]]
    assert missed == ["old"]
    assert shown["coverage"]["percent"] == 50


def test_coverage_says_what_no_test_touches(policy, capsys):
    """With its place; below --fail-under it is a failure."""
    assert main(["test", str(policy), "--coverage"]) == exits.OK
    out = capsys.readouterr().out
    assert "  routes          1 of 2\n" in out
    assert f"  route  old  {policy}:7:5\n" in out
    assert "total 50 %\n" in out
    assert main(["test", str(policy), "--fail-under", "50"]) == exits.OK
    assert main(["test", str(policy), "--fail-under", "51"]) == exits.POLICY
    assert "coverage is 50.0 %, below 51 %" in capsys.readouterr().err


# What junit-10.xsd allows, by element: attributes, and children.
SHAPE = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "time", "skipped", "timestamp"},
        {"testcase"},
    ),
    "testcase": ({"name", "time", "classname"}, {"failure", "error", "skipped"}),
    "failure": ({"type", "message"}, set()),
}


def test_junit_has_the_shape_that_ci_systems_read(policy, tmp_path, capsys):
    """Every element and attribute is one of the schema, and the sums are right."""
    policy.write_text(POLICY + WRONG)
    report = tmp_path / "report.xml"
    assert main(["test", str(policy), "--junit", str(report)]) == exits.POLICY
    root = ET.parse(report).getroot()
    for element in root.iter():
        attributes, children = SHAPE[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
    suite = root.find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    right, wrong = suite
    assert (right.get("name"), len(right)) == ("orders go to the service", 0)
    assert wrong.find("failure").get("message") == "route: expected old, got none"
    assert "GET /elsewhere?<x>" in wrong.find("failure").text


def test_a_policy_without_listeners_answers_nobody(policy, capsys):
    """It may be half of one that is still being written."""
    test = "{ name: a, request: { path: /a }, expect: { status: 200 } }"
    policy.write_text(f"gatewright: v1\nname: shop\ntests: [{test}]\n")
    assert main(["test", str(policy)]) == exits.POLICY
    out = capsys.readouterr().out
    assert "got       no answer" in out
    assert "the policy has no listener" in out


def test_no_escape_sequence_reaches_a_terminal(policy, capsys):
    """Not from a name, nor from what is expected and got."""
    policy.write_text(
        POLICY
        + r"""
  - name: "red\e[31m"
    request: { path: "/\e[31m" }
    expect: { location: "\e[31m" }
"""
    )
    assert main(["test", str(policy)]) == exits.POLICY
    assert "\x1b" not in capsys.readouterr().out
