"""curl's words are read as curl reads them; what is not known is refused."""

import base64
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.curl import CurlError, parse_curl

FILES = {"body.json": b'{"a":\n 1}', "headers": b"x-a: 1\nx-b: 2\n", "-": b"stdin"}


def curl(text):
    return parse_curl(shlex.split(text), FILES.__getitem__)


@pytest.mark.parametrize(
    ("text", "method", "path", "body"),
    [
        ("http://h/orders?x=1", "GET", "/orders?x=1", None),
        ("h", "GET", "/", None),
        ("-XPUT h/a", "PUT", "/a", None),
        ("-sSX PUT --url h/a", "PUT", "/a", None),
        ("-I h/a", "HEAD", "/a", None),
        ("h/a -d x=1 -d y=2", "POST", "/a", b"x=1&y=2"),
        ("h/a --data-raw @x", "POST", "/a", b"@x"),
        ("h/a -d @body.json", "POST", "/a", b'{"a": 1}'),
        ("h/a --data-binary @body.json", "POST", "/a", b'{"a":\n 1}'),
        ("h/a --data-binary @-", "POST", "/a", b"stdin"),
        ("h/a --data-urlencode 'q=a b&c'", "POST", "/a", b"q=a%20b%26c"),
        (
            "h/a --data-urlencode q@body.json --data-urlencode =é --data-urlencode @-",
            "POST",
            "/a",
            b"q=%7B%22a%22%3A%0A%201%7D&%C3%A9&stdin",
        ),
        ("h/a -d ''", "POST", "/a", b""),
        ("-G -d x=1 -d y=2 h/a?z=0", "GET", "/a?z=0&x=1&y=2", None),
        ("-sS -o out -w '%{http_code}' --max-time 3 -k -L --compressed h/a", "GET", "/a", None),
        ("-- h/a", "GET", "/a", None),
    ],
)
def test_a_request_is_what_curl_would_send(text, method, path, body):
    """Methods, URLs, bodies; what is about curl itself is passed over."""
    made = curl(text)
    assert (made.method, made.path, made.body) == (method, path, body)


def test_headers_are_those_that_curl_would_send():
    """Its own, those of files, and none that is taken away; `Host` is the host."""
    made = curl("-H 'X-A: 1' -H Host:api -H Accept: -H 'X-E;' -H @headers http://u:p@h:8080/")
    assert made.headers == [("X-A", "1"), ("X-E", ""), ("x-a", "1"), ("x-b", "2")]
    assert (made.host, made.port) == ("api", 8080)
    assert curl("http://u:p@h:8080/").host == "h:8080"
    assert curl("-d a h").headers == [("content-type", "application/x-www-form-urlencoded")]
    assert curl("--json {} h").headers == [
        ("content-type", "application/json"),
        ("accept", "application/json"),
    ]
    assert curl("--json {} -H content-type:x -H accept:y h").headers == [
        ("content-type", "x"),
        ("accept", "y"),
    ]
    basic = base64.b64encode(b"a:b").decode()
    assert curl("-u a:b h").headers == [("authorization", f"Basic {basic}")]
    assert curl("--oauth2-bearer t -A me h").headers == [
        ("authorization", "Bearer t"),
        ("user-agent", "me"),
    ]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("--heade 'a: b' h", "curl's --heade is not known here", "did you mean --header?"),
        ("-F a=b h", "curl's -F is not read here", "--data-binary"),
        ("--form a=b h", "curl's --form is not read here", "--data-binary"),
        ("-E me.pem h", "curl's -E is not read here", "--certificate NAME"),
        ("-Z h", "curl's -Z is not known here", "leave it out"),
        ("h -X", "curl's -X wants a value", ""),
        ("-s", "there is no URL", "http://"),
        ("h i", "there are 2 URLs", "one request"),
        ("-H nonsense h", "what -H says has no colon", "name: value"),
        ("http://h:99999/", "the URL cannot be read", ""),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_hint(text, message, hint):
    """Nothing is passed over that would make another request."""
    with pytest.raises(CurlError) as caught:
        curl(text)
    assert message in str(caught.value)
    assert hint in caught.value.hint


WORDS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["\udcff", "x@\udcff", "--data-urlencode", "--data-raw", "--json"]),
    st.sampled_from(
        ["-H", "-d", "-X", "-sSX", "--json", "-u", "h/a", "a: b", "--", "-G", "@-", "-"]
    ),
)


@given(st.lists(WORDS, max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_words_are_read_or_refused(words):
    """Nothing but the one error, and what is read has a method and a path."""
    read_or_refused(words)


@pytest.mark.slow
@given(st.lists(WORDS, max_size=6))
@settings(max_examples=3_000, deadline=None)
def test_many_words_are_read_or_refused(words):
    """The same, for longer."""
    read_or_refused(words)


def read_or_refused(words):
    try:
        made = parse_curl(words, lambda _: b"contents\n")
    except CurlError:
        return
    assert made.method or "-X" in "".join(words)
    assert made.path
