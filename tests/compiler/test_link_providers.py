"""What linking says about providers: secrets, headers, URLs."""

from tests.compiler.stages import FAST, LISTENER, LLM, codes, finding


def provider(text):
    return finding(LISTENER, f"providers: {{ openai: {text} }}", FAST, LLM)


def test_inline_key_is_not_echoed():
    """A secret in the file is refused, and nothing of what is said repeats it."""
    said = provider("{ api: openai, key: sk-verysecret123 }")
    assert said.code == "inline-secret"
    assert "verysecret" not in said.whole


def test_secret_in_a_url_is_not_echoed():
    """A password in a URL likewise."""
    said = provider("{ api: openai, url: 'https://me:verysecret@llm.example/v1' }")
    assert said.code == "inline-secret"
    assert "verysecret" not in said.whole


def test_secret_in_a_header_is_not_echoed():
    """A credential header likewise."""
    said = provider("{ api: openai, headers: { Authorization: Bearer verysecret } }")
    assert said.code == "inline-secret"
    assert "verysecret" not in said.whole


def test_secret_under_another_header():
    """What looks like a key is refused under any name."""
    said = provider("{ api: openai, headers: { X-Auth: sk-proj-verysecret } }")
    assert said.code == "inline-secret"


def test_reserved_header():
    """Headers that frame the body are the gateway's."""
    assert provider("{ api: openai, headers: { Content-Length: '3' } }").code == "reserved-header"


def test_duplicate_header():
    """Header names do not differ by case."""
    said = provider("{ api: openai, headers: { OpenAI-Project: a, openai-project: b } }")
    assert said.code == "duplicate-header"


def test_clear_text_key():
    """A key that leaves the house over http."""
    said = provider("{ api: openai, key: env:KEY, url: 'http://llm.example/v1' }")
    assert (said.code, said.severity) == ("clear-text-key", "warning")


def test_clear_text_inside_is_fine():
    """Inside the house it is the owner's business."""
    text = "{ api: openai, key: env:KEY, url: 'http://llm.example/v1', trust: internal }"
    assert codes(LISTENER, f"providers: {{ openai: {text} }}", FAST, LLM) == []


def test_tls_without_https():
    """TLS options on an http URL."""
    said = provider("{ api: openai, url: 'http://llm.example/v1', tls: { sni: a.example } }")
    assert said.code == "tls-without-https"


def test_url_of_an_operation():
    """A URL that ends with an operation would say it twice."""
    said = provider("{ api: openai, url: 'https://llm.example/v1/chat/completions' }")
    assert said.code == "url-of-operation"
    assert said.hint == "end it before `/chat/completions`"


def test_url_without_its_version():
    """The official hosts have nothing at their root."""
    said = provider("{ api: openai, url: 'https://api.openai.com' }")
    assert (said.code, said.severity) == ("url-without-version", "warning")
