"""Routes in the shadow of others, and what looks like it and is not."""

import sys

import pytest

from compiler.diagnostic import Reporter
from compiler.link import link
from compiler.load import load
from compiler.parse import parse
from compiler.read import sources_of
from tests.compiler.stages import LISTENER, codes, finding, policy

SERVICES = "services: { a: { endpoints: ['a:80'] }, b: { endpoints: ['b:80'] } }"


def shadow(*texts):
    listed = "routes:\n" + "\n".join(f"  - {text}" for text in texts)
    return finding(LISTENER, SERVICES, listed)


def quiet(*texts):
    listed = "routes:\n" + "\n".join(f"  - {text}" for text in texts)
    return [code for code in codes(LISTENER, SERVICES, listed) if code != "unused-service"] == []


def test_the_same_conditions():
    """Two routes that ask for the same: the second is told, with the first."""
    said = shadow("{ name: one, match: /x, service: a }", "{ name: two, match: /x, service: b }")
    assert said.code == "shadowed-route"
    assert said.message == "route `two` never gets a request"
    assert said.labels == [("/x", "takes the same requests before it")]


def test_the_same_conditions_written_otherwise():
    """Order and case of what is asked for make no difference."""
    said = shadow(
        "{ name: one, match: { prefix: /x, method: [GET, PUT], headers: { A: b } }, service: a }",
        "{ name: two, match: { prefix: /x/, method: [PUT, GET], headers: { a: b } }, service: b }",
    )
    assert said.code == "shadowed-route"


def test_the_same_without_names():
    """Names that were made from the same match are no second fault."""
    assert shadow("{ match: /x, service: a }", "{ match: /x, service: b }").code == "shadowed-route"


def test_templates_with_other_variables():
    """Variables' names make no difference."""
    said = shadow(
        "{ match: { template: '/u/{id}' }, service: a }",
        "{ match: { template: '/u/{name}' }, service: b }",
    )
    assert said.code == "shadowed-route"


def test_a_regex_of_everything():
    """`.*` is tried before prefixes, so that they get nothing; the hint says what to do."""
    said = shadow("{ match: /x, service: a }", "{ name: all, match: { regex: '.*' }, service: b }")
    assert said.code == "shadowed-route"
    assert [text for _, text in said.labels] == ["takes all of its requests before it"]
    assert "`prefix`" in said.hint


@pytest.mark.parametrize("pattern", ["{ regex: '/x/.*' }", "{ template: '/x/{rest=**}' }"])
def test_a_pattern_of_all_below(pattern):
    """A pattern that takes all below a path takes the prefixes below it."""
    said = shadow("{ match: /x/y, service: a }", f"{{ match: {pattern}, service: b }}")
    assert said.code == "shadowed-route"


def test_a_pattern_beside():
    """It does not take what is not below."""
    assert quiet("{ match: /y, service: a }", "{ match: { regex: '/x/.*' }, service: b }")


def test_a_pattern_that_does_not_take_the_path_itself():
    """`/x/.*` does not take `/x`, which the prefix does."""
    assert quiet("{ match: /x, service: a }", "{ match: { regex: '/x/.*' }, service: b }")


def test_a_pattern_that_asks_for_more():
    """A pattern with a condition lets through what lacks it."""
    assert quiet(
        "{ match: /x, service: a }",
        "{ match: { regex: '.*', headers: { debug: 'yes' } }, service: b }",
    )


def test_methods_taken_by_several():
    """Routes for GET and for POST take all that one for both would."""
    said = shadow(
        "{ match: { prefix: /x, method: GET }, service: a }",
        "{ match: { prefix: /x, method: POST }, service: a }",
        "{ name: both, match: { prefix: /x, method: [GET, POST] }, service: b }",
    )
    assert said.code == "shadowed-route"
    assert len(said.labels) == 2


def test_fewer_methods_go_first():
    """A route for GET is tried before one for GET and POST."""
    assert quiet(
        "{ match: { prefix: /x, method: [GET, POST] }, service: a }",
        "{ match: { prefix: /x, method: GET }, service: b }",
    )


def test_more_conditions_go_first():
    """A route that asks for a header is tried before one that does not."""
    assert quiet(
        "{ match: /x, service: a }",
        "{ match: { prefix: /x, headers: { debug: 'yes' } }, service: b }",
    )


def test_particular_values_go_first():
    """A header's value is tried before its presence."""
    assert quiet(
        "{ match: { prefix: /x, headers: { debug: { present: true } } }, service: a }",
        "{ match: { prefix: /x, headers: { debug: 'yes' } }, service: b }",
    )


def test_longer_prefixes_go_first():
    """Prefixes hide nothing below them."""
    assert quiet("{ match: /, service: a }", "{ match: /x, service: b }")


def test_other_hosts():
    """The same path on other hosts is another route."""
    assert quiet(
        "{ match: /x, host: a.example.com, service: a }",
        "{ match: /x, host: b.example.com, service: a }",
        "{ match: /x, host: '*.example.com', service: b }",
        "{ match: /x, service: b }",
    )


def test_one_host_of_several():
    """One shared host is enough, and is named."""
    said = shadow(
        "{ name: one, match: /x, host: [a.example.com, b.example.com], service: a }",
        "{ name: two, match: /x, host: [B.example.com, c.example.com], service: b }",
    )
    assert said.message == "route `two` never gets a request for host `b.example.com`"


def test_other_listeners():
    """The same match on another listener is another route."""
    text = """
    listeners: { one: 8080, two: 8081 }
    services: { a: { endpoints: ['a:80'] } }
    routes:
      - { match: /x, service: a, listeners: one }
      - { match: /x, service: a, listeners: two }
    """
    assert codes(text) == []


def test_one_listener_of_several():
    """A route of all listeners meets one of a single listener there."""
    text = """
    listeners: { one: 8080, two: 8081 }
    services: { a: { endpoints: ['a:80'] } }
    routes:
      - { name: here, match: /x, service: a, listeners: two }
      - { name: all, match: /x, service: a }
    """
    said = finding(text)
    assert said.message == "route `all` never gets a request on listener `two`"


@pytest.mark.parametrize(
    "match",
    [
        "{{ prefix: /r{n} }}",
        "{{ prefix: /, headers: {{ tenant: t{n} }} }}",
        "{{ regex: '/r{n}/.*' }}",
        "{{ template: '/r{n}/{{id}}' }}",
    ],
)
def test_many_routes_take_work_in_proportion(match):
    """Four times the routes take nowhere near sixteen times as many calls."""

    def linked(count):
        lines = [f"  - {{ match: {match.format(n=n)}, service: a }}" for n in range(count)]
        text = policy(LISTENER, SERVICES, "routes:\n" + "\n".join(lines))
        reporter = Reporter()
        parsed = parse(load(sources_of({"g.yaml": text}), reporter), reporter)
        calls = 0

        def count_calls(_frame, event, _argument):
            nonlocal calls
            calls += event in {"call", "c_call"}

        before = sys.getprofile()
        sys.setprofile(count_calls)
        try:
            link(parsed, reporter)
        finally:
            sys.setprofile(before)
        assert not reporter.failed
        return calls

    assert linked(2000) < 9 * linked(500)
