"""Signatures for AWS: the same as botocore's, and no key in a repr."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import quote

import botocore.auth  # type: ignore[import-untyped]  # botocore has no types
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]  # as above
from botocore.credentials import (  # type: ignore[import-untyped]  # as above
    Credentials as BotoCredentials,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ext_authz.process.sigv4 import Credentials, sign

NOW = datetime(2026, 10, 30, 12, 30, 45, tzinfo=UTC)
HOST = "bedrock-runtime.eu-west-1.amazonaws.com"

# A segment of dots alone is never sent: no model is called so.
segments = (
    st.text("abzAZ09-_.~:/ %+=äé", min_size=1, max_size=20)
    .filter(lambda text: set(text) != {"."})
    .map(lambda text: quote(text, ""))
)
paths = st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
values = st.text("abc123 ", min_size=1, max_size=12).map(str.strip).filter(bool)
extra = st.dictionaries(st.sampled_from(["accept", "content-type", "x-amzn-trace"]), values)
queries = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.text("xyz12", max_size=4)), max_size=4
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))


moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)).map(  # noqa: DTZ001 - below
    lambda moment: moment.replace(tzinfo=UTC)
)


def botocores(credentials, region, service, method, target, headers, body, now=NOW, host=HOST):
    request = AWSRequest(method, f"https://{host}{target}", headers=dict(headers), data=body)
    boto = BotoCredentials(
        credentials.access_key, credentials.secret_key, credentials.session_token or None
    )
    with patch.object(botocore.auth, "get_current_datetime", lambda: now.replace(tzinfo=None)):
        botocore.auth.SigV4Auth(boto, service, region).add_auth(request)
    given = {name.lower() for name, _ in headers}
    return {
        name.lower(): value for name, value in request.headers.items() if name.lower() not in given
    }


@settings(max_examples=300)
@given(
    st.sampled_from(["POST", "GET"]),
    paths,
    queries,
    extra,
    st.binary(max_size=200),
    st.sampled_from(["", "session/token=="]),
    st.sampled_from(["wJalrXUtnFEMI/K7MDENG", "another+secret", "é"]),
    st.sampled_from(["eu-west-1", "us-east-1"]),
    st.sampled_from(["bedrock", "sts"]),
    st.sampled_from([HOST, f"{HOST}:8443"]),
    moments,
)
def test_signatures_are_botocores(
    method, path, query, headers, body, token, secret, region, service, host, now
):
    """For any path (an ARN, spaces, letters of any script), query, headers, body, key and moment.

    And no header more or less is set, `x-amz-content-sha256` for one.
    """
    credentials = Credentials("AKIDEXAMPLE", secret, token)
    target = f"{path}?{query}" if query else path
    signed = [("host", host), *headers.items()]
    mine = sign(credentials, region, service, method, target, signed, body, now.timestamp())
    assert dict(mine) == botocores(
        credentials, region, service, method, target, headers.items(), body, now, host
    )


def test_an_arn_in_a_path_is_signed_encoded_twice():
    """`%2F` is sent and `%252F` is signed: what the property test would have to hit upon."""
    arn = quote("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude", "")
    target = f"/model/{arn}/converse"
    credentials = Credentials("A", "S")
    mine = sign(
        credentials, "eu-west-1", "bedrock", "POST", target, [("host", HOST)], b"{}",
        NOW.timestamp(),
    )  # fmt: skip
    theirs = botocores(credentials, "eu-west-1", "bedrock", "POST", target, (), b"{}")
    assert dict(mine) == theirs


def test_credentials_show_nothing():
    """A repr may stand in any log."""
    assert repr(Credentials("canary-a", "canary-b", "canary-c")) == "Credentials()"
