"""Tests become cases: one each, or one for each row of a table."""

from compiler.expectations.case import cases_of
from tests.expectations.policies import right

TABLE = """\
tests:
  - name: one
    request: { path: /orders/1 }
    expect: { route: orders }
  - name: who
    request: { model: fast, headers: { x-a: "1" } }
    given: { openai: 429, used: { 500 USD/month: all } }
    expect: { served_by: claude/claude-haiku-4-5 }
    cases:
      - { name: by ci, request: { key: acme/ci } }
      - request: { key: acme/cd, headers: { x-b: "2" } }
        given: { openai: timeout, used: { 600 requests/minute: 5 } }
        expect: { attempts: 2 }
"""


def cases(text=TABLE):
    found = right(text).outputs["linked"]
    return cases_of(found.document.tests, found.locate)


def test_a_test_is_a_case_and_a_table_one_a_row():
    """A row without a name is called after what sets it apart."""
    assert [case.name for case in cases()] == [
        "one",
        "who: by ci",
        "who: x-b 2, acme/cd, openai timeout, used 600 requests/minute 5",
    ]


def test_a_row_says_its_own_and_has_the_rest_of_its_test():
    """Mappings of names grow, everything else is replaced; nothing of one row is in the next."""
    _, first, second = cases()
    assert (first.request.model, first.request.key) == ("fast", "acme/ci")
    assert set(first.request.headers) == {"x-a"}
    assert set(second.request.headers) == {"x-a", "x-b"}
    assert set(second.given.used) == {"500 USD/month", "600 requests/minute"}
    assert first.given.model_extra["openai"][0].status == 429
    assert second.given.model_extra["openai"][0].fault == "timeout"
    assert second.expect.model_fields_set == {"served_by", "attempts"}


def test_a_case_stands_where_it_is_written():
    """The place of a row is the row's, that of a test its name's."""
    one, first, _ = cases()
    lines = (right(TABLE).sources.policies[0].text).splitlines()
    assert "name: one" in lines[one.at.line - 1]
    assert "by ci" in lines[first.at.line - 1]
