"""The values of the language: what is read, what is refused, and what the refusal says."""

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from compiler.schema.matches import HostPattern, PathText, TemplateText
from compiler.schema.prices import TokenPrice
from compiler.schema.url import ProviderUrl
from policies.values import (
    Duration,
    HeaderName,
    HeaderValue,
    Host,
    HostAndPort,
    HostPort,
    IpAddress,
    Method,
    ModelName,
    Name,
    Percentage,
    Regex,
    SecretSource,
    Size,
    Timeout,
)


def read(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


def refusal(kind: Any, value: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        read(kind, value)
    (error,) = caught.value.errors(include_url=False)
    return {"code": error["type"], "message": error["msg"], **(error.get("ctx") or {})}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Duration, "500ms", timedelta(milliseconds=500)),
        (Duration, "1.5s", timedelta(milliseconds=1500)),
        (Duration, "20s", timedelta(seconds=20)),
        (Duration, "10m", timedelta(minutes=10)),
        (Duration, "1h", timedelta(hours=1)),
        (Duration, "1d", timedelta(days=1)),
        (Timeout, "none", timedelta(0)),
        (Timeout, "2s", timedelta(seconds=2)),
        (Size, "1 MiB", 1 << 20),
        (Size, "60KiB", 60 << 10),
        (Size, "10 kB", 10_000),
        (Size, "512 B", 512),
        (Size, "0.5 GiB", 1 << 29),
        (Percentage, "50%", 50),
        (Percentage, "0%", 0),
        (Percentage, "100%", 100),
        (Name, "eu-west-1", "eu-west-1"),
        (ModelName, "meta-llama/Llama-3.1:free", "meta-llama/Llama-3.1:free"),
        (HeaderName, "X-Request-Id", "X-Request-Id"),
        (HeaderValue, "a b\tc", "a b\tc"),
        (HeaderValue, "", ""),
        (Method, "M-SEARCH", "M-SEARCH"),
        (SecretSource, "env:OPENAI_API_KEY", "env:OPENAI_API_KEY"),
        (SecretSource, "file:/run/secrets/a b", "file:/run/secrets/a b"),
        (Host, "orders.internal", "orders.internal"),
        (Host, "::1", "::1"),
        (IpAddress, "0.0.0.0", "0.0.0.0"),
        (HostPort, "orders:80", HostAndPort("orders", 80)),
        (HostPort, "10.0.0.1:80", HostAndPort("10.0.0.1", 80)),
        (HostPort, "[::1]:65535", HostAndPort("::1", 65535)),
        (Regex, r"/v[0-9]+/\p{L}+\z", r"/v[0-9]+/\p{L}+\z"),
        (Regex, "(?i)/a(?:b|c)", "(?i)/a(?:b|c)"),
        (Regex, "[[:alpha:]]+", "[[:alpha:]]+"),
        (Regex, r"[*+]\[*\++", r"[*+]\[*\++"),
        (Regex, "a{1000}", "a{1000}"),
        (TokenPrice, "0.15 USD/1M tokens", 150_000),
        (TokenPrice, "0.002 USD/1k tokens", 2_000_000),
        (TokenPrice, "0 USD/1M tokens", 0),
        (PathText, "/a/b%20c", "/a/b%20c"),
        (TemplateText, "/users/{id}", "/users/{id}"),
        (TemplateText, "/files/{rest=**}", "/files/{rest=**}"),
        (TemplateText, "/media/{path=**}.m3u8", "/media/{path=**}.m3u8"),
        (HostPattern, "*.example.com", "*.example.com"),
    ],
)
def test_read(kind, text, value):
    """Each text is read as the value that it says."""
    assert read(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "value", "code", "hint"),
    [
        (Duration, 20, "bad-duration", "write its unit: `20s` or `20ms`"),
        (Duration, "20", "bad-duration", "its unit"),
        (Duration, "20 s", "bad-duration", "its unit"),
        (Duration, "0s", "bad-duration", "`1ms`"),
        (Duration, "0.5ms", "bad-duration", "`1ms`"),
        (Duration, "400d", "bad-duration", "`365d`"),
        (Duration, "none", "bad-duration", "its unit"),
        (Duration, True, "bad-duration", "its unit"),
        (Timeout, "0s", "bad-duration", "`1ms`"),
        (Size, 100, "bad-size", "`100 B`, `100 KiB` or `100 MiB`"),
        (Size, "1 mb", "bad-size", "its unit"),
        (Size, "0 B", "bad-size", "`1 B`"),
        (Size, "4 GiB", "bad-size", "4 GiB"),
        (Percentage, 50, "bad-percentage", "`50%`"),
        (Percentage, "101%", "bad-percentage", "from 0 to 100"),
        (Percentage, "50", "bad-percentage", "its sign"),
        (Name, "Orders", "bad-name", "small letters"),
        (Name, "-a", "bad-name", "beginning with"),
        (Name, "a" * 64, "bad-name", "at most 63"),
        (ModelName, "a b", "bad-name", "letters"),
        (HeaderName, "x y", "bad-header", "RFC 9110"),
        (HeaderName, ":path", "bad-header", "RFC 9110"),
        (HeaderValue, " a", "bad-header", "spaces"),
        (HeaderValue, "a\r\nb: c", "bad-header", "one line"),
        (Method, "get", "bad-method", "capital"),
        (SecretSource, "env:9A", "bad-secret-source", "env:NAME"),
        (SecretSource, "file:", "bad-secret-source", "file:path"),
        (SecretSource, 5, "bad-secret-source", "env:NAME"),
        (SecretSource, "sk-1", "inline-secret", "replace it at its issuer"),
        (Host, "a:80", "bad-host", "without scheme"),
        (Host, "1.2.3", "bad-host", "DNS name"),
        (IpAddress, "localhost", "bad-address", "127.0.0.1"),
        (HostPort, "orders", "bad-address", "orders.internal:8080"),
        (HostPort, "http://orders:80", "bad-address", "orders.internal:8080"),
        (HostPort, "::1", "bad-address", "[::1]:80"),
        (HostPort, "a:0", "bad-address", "orders"),
        (HostPort, "a:65536", "bad-address", "orders"),
        (HostPort, 8080, "bad-address", "orders"),
        (Regex, "(a", "bad-regex", "RE2"),
        (Regex, "a++", "bad-regex", "RE2"),
        (Regex, r"a\Z", "bad-regex", "RE2"),
        (Regex, "(?x)a", "bad-regex", "RE2"),
        (Regex, "a{1001}", "bad-regex", "RE2"),
        (Regex, "a(?=b)", "bad-regex", "RE2"),
        (Regex, r"(a)\1", "bad-regex", "RE2"),
        (Regex, "", "bad-regex", "RE2"),
        (TokenPrice, 0.15, "bad-price", "0.15 USD/1M tokens"),
        (TokenPrice, "0.15 EUR/1M tokens", "bad-price", "USD"),
        (TokenPrice, "0.0000001 USD/1M tokens", "bad-price", "round it"),
        (PathText, "orders", "bad-path", "write `/orders`"),
        (PathText, "/a?b=c", "bad-path", "`query:`"),
        (PathText, "/a/*", "bad-path", "template"),
        (PathText, "/a b", "bad-path", "percent-encoded"),
        (TemplateText, "/a/{id}/{id}", "bad-template", "{id}"),
        (TemplateText, "/a/{1}", "bad-template", "{id}"),
        (TemplateText, "/{a}/{b}/{c}/{d}/{e}/{f}", "bad-template", "{id}"),
        (TemplateText, "/{rest=**}/{id}", "bad-template", "{path=**}"),
        (TemplateText, "/a/{id", "bad-template", "{id}"),
        (HostPattern, "*", "bad-host", "leave `host` away"),
        (HostPattern, "a.*.com", "bad-host", "*.example.com"),
        (HostPattern, "a.example.com:80", "bad-host", "without scheme and port"),
        (ProviderUrl, "api.openai.com", "bad-url", "https://"),
        (ProviderUrl, "ftp://a/v1", "bad-url", "https://"),
        (ProviderUrl, "https://a/v1?x=y", "bad-url", "https://"),
        (ProviderUrl, "https://a:0/", "bad-url", "https://"),
        (ProviderUrl, "https://a:b/", "bad-url", "https://"),
        (ProviderUrl, "https://me:secret@a/", "inline-secret", "key: env:NAME"),
    ],
)
def test_refused(kind, value, code, hint):
    """Each wrong value has its code, and a hint that says what to write."""
    said = refusal(kind, value)
    assert said["code"] == code
    assert hint in said["hint"]


@pytest.mark.parametrize("value", ["sk-verysecret", "Bearer verysecret", "verysecret"])
def test_secrets_are_not_echoed(value):
    """What stands where a source should may be the secret itself."""
    said = refusal(SecretSource, value)
    assert "verysecret" not in str(said)


def test_braces_in_a_message_are_text():
    """A refusal shows what was written, whatever it looks like."""
    assert refusal(Duration, "{hint}")["message"] == "`{hint}` is no duration"


def test_long_values_are_cut():
    """A message stays one line."""
    assert len(refusal(Duration, "x" * 5000)["message"]) < 100


KINDS = [
    Duration,
    Timeout,
    Size,
    Percentage,
    Name,
    ModelName,
    HeaderName,
    HeaderValue,
    Method,
    SecretSource,
    Host,
    HostPort,
    IpAddress,
    Regex,
    TokenPrice,
    PathText,
    TemplateText,
    HostPattern,
    ProviderUrl,
]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text("0123456789.%smhdkKMGiB /:*{}=[]()?-ab", max_size=12),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(), st.integers(), max_size=2),
)


@given(st.sampled_from(KINDS), scalars)
def test_nothing_but_a_refusal(kind, value):
    """Whatever is written is read or refused; nothing else is raised."""
    try:
        read(kind, value)
    except ValidationError as error:
        error.errors()


@given(
    st.sampled_from(KINDS), st.text("0123456789.%smhdkKMGiB /:*{}=[]()?-abUSDtoken", max_size=14)
)
def test_the_json_schema_takes_what_is_read(kind, text):
    """An editor never refuses a text that the compiler takes."""
    try:
        read(kind, text)
    except ValidationError:
        return
    schema = TypeAdapter(kind).json_schema()
    assert re.search(schema.get("pattern", ""), text)
    assert len(text) <= schema.get("maxLength", 1 << 30)
