"""What a request needs from the edge on its way to a target, and the lane that this makes."""

import pytest

from compiler.guards import needs_edge
from compiler.needs import Need, asks_edge, gated, gated_target, needs_of
from compiler.plan import Lane
from compiler.plan_llm import Choice, Endpoint
from tests.compiler.stages import LISTENER, plan_of

CHAT, MESSAGES = Endpoint.CHAT_COMPLETIONS, Endpoint.MESSAGES
BEDROCK = "api: bedrock, aws: { region: us-east-1"
LLM = "routes: [{ name: llm, match: /v1, serve: llm, auth: keys }]"


def plan(provider, *more, model="targets: [p/m]", routes=LLM, other="api: openai"):
    text = f"providers: {{ p: {{ {provider} }}, q: {{ {other} }} }}"
    return plan_of(LISTENER, text, f"models: {{ m: {{ {model} }} }}", routes, *more)


def needs(made, endpoint=CHAT, place=0):
    model = made.models[0]
    target = model.groups[place].targets[0]
    return needs_of(made).at(made.routes[0], endpoint, model, target)


def reason(made, endpoint=CHAT, target="p/m"):
    lane = next(one for one in made.lanes if (one.endpoint, one.target) == (endpoint, target))
    return lane.lane, lane.reason


@pytest.mark.parametrize(
    ("provider", "endpoint", "needed"),
    [
        ("api: openai", CHAT, set()),
        ("api: openai", Endpoint.EMBEDDINGS, set()),
        ("api: openai", MESSAGES, {Need.TRANSLATE}),
        ("api: azure, url: 'https://n.openai.azure.com'", CHAT, set()),
        ("api: anthropic", MESSAGES, set()),
        ("api: anthropic", Endpoint.COUNT_TOKENS, set()),
        ("api: anthropic", CHAT, {Need.TRANSLATE}),
        ("api: mistral", CHAT, {Need.MEND}),
        ("api: mistral", Endpoint.INPUT_TOKENS, {Need.COUNT}),
        ("api: openai, dialect: vllm, url: 'http://h/v1'", CHAT, {Need.MEND}),
        ("api: openai, dialect: vllm, url: 'http://h/v1'", Endpoint.IMAGES, set()),
        ("api: openai, dialect: vllm, url: 'http://h/v1'", MESSAGES, {Need.TRANSLATE}),
        (
            "api: anthropic, google: { project: p, location: eu }, key: env:T",
            MESSAGES,
            {Need.MEND},
        ),
        (
            "api: bedrock, aws: { region: us-east-1, credentials: container }",
            CHAT,
            {Need.TRANSLATE},
        ),
        (
            f"{BEDROCK}, credentials: {{ access_key: env:A, secret_key: env:S }} }}",
            CHAT,
            {Need.TRANSLATE, Need.SIGN},
        ),
    ],
)
def test_what_each_provider_needs(provider, endpoint, needed):
    """Envoy's own filters do for the client's API; all else is the edge's."""
    made = plan(provider)
    assert needs(made, endpoint) == needed
    assert reason(made, endpoint)[0] is (Lane.SERVICE if needed else Lane.NATIVE)


PII = "redactions: { pii: { detect: pii }, all: { detect: email, when: all } }"
TIER = "tiers: { gold: { redact: pii } }"


@pytest.mark.parametrize(
    ("more", "provider", "found"),
    [
        (("redact: pii",), "api: openai", True),
        (("redact: pii",), "api: openai, trust: internal", False),
        (("redact: all",), "api: openai, trust: internal", True),
        ((TIER, "tenants: { t: { tier: gold } }"), "api: openai", True),
        ((TIER, "tenants: { t: { tier: gold, redact: [] } }"), "api: openai", False),
        ((TIER, "tenants: { t: { tier: gold, routes: [other] } }"), "api: openai", False),
        (("tenants: { t: { redact: pii, models: [m] } }",), "api: openai", True),
    ],
)
def test_who_is_redacted(more, provider, found):
    """Redaction is for a destination, and for whoever may come here."""
    other = f"{LLM[:-1]}, {{ name: other, match: /v2, serve: llm, auth: keys }}]"
    made = plan(provider, PII, *more, routes=other)
    assert needs(made) == ({Need.REDACT} if found else set())


@pytest.mark.parametrize(
    "other",
    [
        "api: gemini",
        "api: openai",
        f"{BEDROCK} }}, key: env:K",
    ],
)
@pytest.mark.parametrize("endpoint", [MESSAGES, Endpoint.COUNT_TOKENS])
def test_claude_beside_others(endpoint, other):
    """What somebody else thought is signed by nobody, and does not go to Claude as it came."""
    made = plan("api: anthropic", model="targets: [p/claude-opus-4-5, q/m]", other=other)
    assert needs(made, endpoint) == {Need.MEND}
    lane, why = reason(made, endpoint, "p/claude-opus-4-5")
    assert lane is Lane.SERVICE
    assert "others of its chain sign none" in why


@pytest.mark.parametrize(
    ("other", "target"),
    [
        ("api: anthropic", "q/claude-haiku-4-5"),
        ("api: anthropic, url: 'https://h.example/v1'", "q/m"),  # whoever speaks its API signs
        ("api: anthropic, google: { project: p, location: eu }, key: env:T", "q/claude-opus-4-5"),
        (f"{BEDROCK} }}, key: env:K", "'q/eu.anthropic.claude-opus-4-5-v1:0'"),
    ],
)
def test_claude_among_its_own(other, target):
    """Wherever it is, Claude signs what it thinks: nothing is to be taken out."""
    made = plan("api: anthropic", model=f"targets: [p/claude-opus-4-5, {target}]", other=other)
    assert needs(made, MESSAGES) == set()


def test_forms_that_cannot_be_read():
    """A form of a model that is redacted anywhere is refused, and the lanes say so."""
    inhouse = "api: openai, url: 'http://h/v1', trust: internal"
    made = plan("api: openai", PII, "redact: pii", model="targets: [p/m, q/m]", other=inhouse)
    form = Endpoint.TRANSCRIPTIONS
    lane, why = reason(made, form)
    assert lane is Lane.SERVICE
    assert why.startswith("refused with 400: what is redacted cannot be looked for in files; ")
    assert reason(made, form, "q/m")[1].startswith("refused with 400")
    assert "refused" not in reason(made, Endpoint.SPEECH)[1]


def test_nobody_s_tenant_is_not_redacted():
    """Where nobody is asked who they are, what tenants say holds for nobody; the route's does."""
    tenant = "tenants: { t: { redact: pii } }"
    open_route = "routes: [{ name: llm, match: /v1, serve: llm, auth: none }]"
    assert needs(plan("api: openai", PII, tenant, routes=open_route)) == set()
    redacted = open_route.replace("none", "none, redact: all")
    made = plan("api: openai, trust: internal", PII, tenant, routes=redacted)
    assert needs(made) == {Need.REDACT}
    assert "redacted by `all` for internal `p`" in reason(made)[1]


def test_a_route_for_some():
    """Tenants that a route is not for do not have their redaction hold there."""
    tenants = "tenants: { t: { redact: pii }, u: {} }"
    routes = LLM.replace("keys", "keys, allow: [u]")
    assert needs(plan("api: openai", PII, tenants, routes=routes)) == set()


def test_trimming():
    """Prompts of turns are made to fit where a window is known."""
    model = "targets: [{ to: p/m, context: 8k tokens }, q/n], fallback: { trim: oldest }"
    made = plan("api: openai", model=model)
    assert needs(made) == {Need.TRIM}
    assert needs(made, Endpoint.COMPLETIONS) == set()
    assert needs(made, place=1) == set()
    assert "oldest turns are dropped" in reason(made)[1]


def test_gates():
    """Streams of every group but the last are held."""
    made = plan("api: openai", model="targets: [p/m, q/n]")
    model = made.models[0]
    first, last = (group.targets[0] for group in model.groups)
    assert gated(model, CHAT)
    assert not gated(model, Endpoint.EMBEDDINGS)
    assert gated_target(model, CHAT, first)
    assert not gated_target(model, CHAT, last)
    assert "streams are held until their first content" in reason(made)[1]
    assert reason(made)[0] is Lane.NATIVE
    assert "held" not in reason(made, target="q/n")[1]


@pytest.mark.parametrize(
    "model",
    [
        "targets: [p/m]",
        "targets: [p/m, q/n], fallback: { before_first_token: pass }",
        "targets: [p/m, q/n], fallback: { on: [] }",
        "targets: [p/m, q/n], apis: [embeddings]",
        "targets: [{ to: p/m, weight: 1 }, { to: q/n, weight: 1 }]",
    ],
)
def test_no_gate(model):
    """Where there is nothing to go on to, or nothing to hold, streams pass."""
    assert not gated(plan("api: openai", model=model).models[0], CHAT)


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("targets: [p/m], apis: [chat]", False),
        ("targets: [p/m]", True),  # Anthropic's messages are translated
        ("targets: [p/m, q/n], apis: [chat]", True),  # a gate
        ("targets: [p/m, q/n], apis: [embeddings]", False),
        ("targets: [p/m, q/n], apis: [embeddings], choose: latency", True),
    ],
)
def test_who_needs_an_edge(model, asked):
    """An edge stands where any need, gate or measure does; one that processes keeps no ledger."""
    routes = "routes: [{ name: llm, match: /v1, serve: llm, auth: none }]"
    made = plan("api: openai", model=model, routes=routes)
    assert asks_edge(made) is asked
    assert needs_edge(made) is asked
    admits = made.models[0].choice is Choice.LATENCY  # the edge is asked which comes first
    assert made.ledger.store.kind == ("embedded" if admits else "none")


def test_the_reasons():
    """Each lane says why, in words."""
    lane, why = reason(plan("api: anthropic"))
    translated = "`p` speaks anthropic: the request is translated from OpenAI's chat"
    assert (lane, why) == (Lane.SERVICE, f"{translated}; its price is not known")
    vertex = plan("api: anthropic, google: { project: p, location: eu }, key: env:T")
    assert reason(vertex, MESSAGES)[1].startswith("`p` is at Vertex AI, whose requests are wrapped")


def test_choices():
    """Shares where there are shares, else the order; what is written goes first."""
    priced = "prices: { p/m: { input: 2 USD/1M tokens, output: 4 USD/1M tokens }, "
    prices = priced + "q/n: { input: 1 USD/1M tokens, output: 6 USD/1M tokens } }"
    cheap = plan("api: openai", prices, model="targets: [p/m, q/n], choose: cost").models[0]
    assert [group.targets[0].provider for group in cheap.groups] == ["q", "p"]  # 9 and 10 parts
    small = "[{ to: p/m, context: 9k tokens }, { to: q/n, context: 8k tokens }]"
    fits = plan("api: openai", model=f"targets: {small}, choose: context").models[0]
    assert [group.targets[0].window for group in fits.groups] == [8000, 9000]
    assert plan("api: openai").models[0].choice is Choice.ORDER
    shares = "targets: [{ to: p/m, weight: 1 }, { to: q/n, weight: 1 }]"
    assert plan("api: openai", model=shares).models[0].choice is Choice.WEIGHT


def test_retries():
    """A number is how many more; the mapping counts all."""
    made = plan("api: openai", model="targets: [p/m], fallback: { retries: 2 }").models[0]
    assert (made.fallback.retries.attempts, made.fallback.retries.longest_wait.seconds) == (3, 5)
    assert made.fallback.on
    whole = "fallback: { retries: { attempts: 2, longest_wait: 10s } }"
    made = plan("api: openai", model=f"targets: [p/m], {whole}").models[0]
    assert (made.fallback.retries.attempts, made.fallback.retries.longest_wait.seconds) == (2, 10)
