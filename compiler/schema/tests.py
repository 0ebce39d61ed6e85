"""The ``tests`` section: requests, and what the gateway is to do with them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from compiler.schema.expected import ExpectDocument, Text
from compiler.schema.given import GivenDocument, Word
from policies.document import Document, Items, Maybe, OneOrMore
from policies.values import Timestamp

BodyText = Annotated[str, Field(max_length=1 << 20)]


class RequestDocument(Document):
    """A request. What is not written is as a client of the API would send it."""

    method: Maybe[Annotated[str, Field(pattern=r"^[A-Z]{1,32}$", examples=["POST"])]] = None
    """The method; `POST` where a model or a body is given, else `GET`."""
    path: Maybe[Annotated[str, Field(min_length=1, max_length=8192, examples=["/orders/7"])]] = None
    """The path with its query; of a request for a model, where the first route that serves it
    offers chat completions (or else messages, ...)."""
    host: Maybe[Word] = Field(default=None, examples=["api.example.com"])
    """The host that is asked for."""
    listener: Maybe[Word] = Field(default=None, examples=["public"])
    """The listener that is asked; the first one unless written."""
    headers: dict[Word, OneOrMore[Text]] = Field(default_factory=dict, examples=[{"x-team": "a"}])
    """Further headers; a list is the same header several times."""
    body: Maybe[BodyText | dict[str, Any]] = Field(
        default=None, examples=[{"model": "fast", "messages": []}, "text"]
    )
    """The body: a text as it is, or a mapping, which is sent as JSON."""
    model: Maybe[Word] = Field(default=None, examples=["fast"])
    """The model that is asked for, in the body."""
    stream: Maybe[bool] = None
    """Whether a stream is asked for, in the body."""
    tools: OneOrMore[Word] = Field(default=(), examples=["look_up"])
    """Names of functions that are offered to the model, in the body."""
    key: Maybe[Word] = Field(default=None, examples=["acme/ci"])
    """Who asks: the id of a key of the policy, `TENANT/KEY` or `TENANT/TEAM/KEY`."""
    issuer: Maybe[Word] = Field(default=None, examples=["corp"])
    """Or whose token it is; the policy's only issuer where `claims` are given."""
    claims: dict[Word, Any] = Field(default_factory=dict, examples=[{"tenant": "acme"}])
    """The claims of the token, which is taken to be a valid one."""
    certificate: Maybe[Word] = Field(default=None, examples=["spiffe://corp/acme"])
    """Or a name in the client certificate, which is taken to be verified."""
    client: Maybe[Annotated[str, Field(pattern=r"^[0-9A-Fa-f.:]+$", examples=["10.1.2.3"])]] = None
    """The client's address; 127.0.0.1 unless written."""
    at: Maybe[Timestamp] = None
    """When it is asked; at a time when every key is in force that may be, unless written."""


class CaseDocument(Document):
    """A row of a table: what it says takes the place of what the test says."""

    name: Maybe[Annotated[str, Field(min_length=1, max_length=256)]] = Field(
        default=None, examples=["without a key"]
    )
    """What the row is about; what sets it apart unless written."""
    request: RequestDocument = RequestDocument.model_construct()
    """The keys of the request that are the row's own; headers are added."""
    given: GivenDocument = GivenDocument.model_construct()
    """What holds around the gateway, beside what the test says."""
    expect: ExpectDocument = ExpectDocument.model_construct()
    """What is expected, beside what the test says."""


class TestDocument(Document):
    """A request, and what the gateway is to do with it; or a table of them."""

    __test__ = False  # pytest takes classes of this name for its own

    name: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        examples=["a rate-limited OpenAI falls back to Claude"]
    )
    """What it shows, in a few words."""
    request: RequestDocument = RequestDocument.model_construct()
    """The request."""
    given: GivenDocument = GivenDocument.model_construct()
    """What holds around the gateway; all is in order unless written."""
    expect: ExpectDocument = ExpectDocument.model_construct()
    """What is to become of it."""
    cases: Items[CaseDocument] = ()
    """A table: each row is a test of its own, and has all of the above that it does not say."""


class TestsFileDocument(Document):
    """A file of tests, `*.test.yaml`: the same section, apart from the policy."""

    __test__ = False

    gatewright: Literal["v1"] = "v1"
    """The version of this language."""
    tests: Items[TestDocument] = ()
    """The tests."""
