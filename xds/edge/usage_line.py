"""A line of the usage log: what Envoy tells of one request when it has ended, as JSON.

The compiler writes the format into Envoy's access log, the ledger reads it. Members that a request
does not have are left out; a number may come as a number or as its text. The file is the ledger's
spool: it holds what the ledger has not taken yet, whatever was killed in between.

The Lua around attempts sets, in the metadata `gatewright.llm`: INPUT, OUTPUT, CACHED, REASONING,
COST and TOLD as members of `usage`, and SEEN as `seen` beside it, which changes with every event.
"""

from __future__ import annotations

from typing import Final

ID: Final = "id"  # x-request-id, made by Envoy (clients' own are dropped): the reservation's name
TIME: Final = "time"  # when the request began, RFC 3339 in UTC with milliseconds
ROUTE: Final = "route"  # of the policy
ENDPOINT: Final = "endpoint"  # `/chat/completions`; LLM requests only
METHOD: Final = "method"
TENANT: Final = "tenant"
TEAM: Final = "team"
KEY: Final = "key"  # the key's id, never the key
USER: Final = "user"
AUTH: Final = "auth"  # keys, jwt, mtls, none
HELD: Final = "held"  # `true` where the edge made a reservation
ESTIMATE: Final = "estimate"  # input tokens as they were estimated at admission
MODEL: Final = "model"  # asked for, by the policy's name
SERVED: Final = "served"  # the provider's own name of the model that answered
PROVIDER: Final = "provider"
PRICE: Final = "price"  # the version of the price: `genai-prices 2026-10-30`, `policy`
INPUT_PRICE: Final = "input_price"  # pico-USD a token, of the target that served
OUTPUT_PRICE: Final = "output_price"
ATTEMPTS: Final = "attempts"
INPUT: Final = "input"  # tokens, cached ones included
OUTPUT: Final = "output"
CACHED: Final = "cached"
REASONING: Final = "reasoning"
COST: Final = "cost"  # nano-USD
TOLD: Final = "told"  # `true` where the provider told its usage at the end, as it should
SEEN: Final = "seen"  # output tokens as they passed, about, of an answer that did not tell
STATUS: Final = "status"
FLAGS: Final = "flags"  # Envoy's own, with commas between them
DETAILS: Final = "details"
DURATION: Final = "ms"
FIRST: Final = "first_ms"  # to the first byte of the answer
SENT: Final = "sent_ms"  # until the target that served had the whole request
CHOSEN: Final = "first"  # the number of the group of targets that the edge had tried first, from 0
BYTES_IN: Final = "bytes_in"
BYTES_OUT: Final = "bytes_out"

RATELIMIT: Final = "envoy.filters.http.ratelimit"
"""The namespace of the metadata that a rate-limit service's answers set."""

MESSAGE: Final = "message"
"""In RATELIMIT: which limit of whom has refused, in words for the client."""

AUTHZ: Final = "envoy.filters.http.ext_authz"
"""The namespace of the metadata that the edge's answers set; TENANT to ESTIMATE are keys in it,
and so is CHOSEN."""

LEFT: Final = ("DC", "DR")
"""Flags of requests whose client has gone, or has taken its stream back."""
