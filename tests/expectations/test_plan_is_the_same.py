"""Tests are no part of what is served."""

from compiler.pipeline import compile_sources
from compiler.read import is_policy_file, read, read_tests, sources_of
from tests.expectations.policies import POLICY, compiled, right

TESTS = """\
tests:
  - { name: a, request: { path: /old }, expect: { location: /x } }
"""


def test_a_plan_does_not_know_its_tests():
    """Equal plans, equal bytes."""
    assert right().plan == right(TESTS).plan
    one, other = (
        compile_sources(sources_of({"gateway.yaml": text})) for text in (POLICY, POLICY + TESTS)
    )
    assert one.snapshot == other.snapshot


def test_a_test_that_has_not_followed_a_change_holds_nothing_up():
    """A name that is gone is a warning to whoever serves the policy."""
    stale = TESTS.replace("location: /x", "served_by: openai/gone")
    found = compiled(stale)
    assert found.ok
    assert [(d.code, d.severity.value) for d in found.diagnostics] == [
        ("unknown-target", "warning")
    ]


def test_files_of_tests_are_no_policies(tmp_path):
    """They are read by themselves: all of a folder, or those that begin as the policy does."""
    (tmp_path / "gateway.yaml").write_text(POLICY)
    (tmp_path / "more").mkdir()
    for name in ("gateway.test.yaml", "gateway.a.test.yaml", "other.test.yml", "more/b.test.yaml"):
        (tmp_path / name).write_text(TESTS)
    assert not is_policy_file("more/b.test.yaml")
    assert [source.name.rpartition("/")[2] for source in read(tmp_path).policies] == [
        "gateway.yaml"
    ]
    root = f"{tmp_path}/"
    found = [source.name.removeprefix(root) for source in read_tests(tmp_path).policies]
    assert found == [
        "gateway.a.test.yaml",
        "gateway.test.yaml",
        "more/b.test.yaml",
        "other.test.yml",
    ]
    beside = [one.name.removeprefix(root) for one in read_tests(tmp_path / "gateway.yaml").policies]
    assert beside == ["gateway.a.test.yaml", "gateway.test.yaml"]
    own = read_tests(tmp_path / "other.test.yml").policies
    assert [one.name.removeprefix(root) for one in own] == ["other.test.yml"]
