"""What the diff says of changes that reviewers meet: one sentence each, for all who are alike."""

import pytest

from compiler.diff.change import Severity
from compiler.diff.plans import diff_plans
from tests.diff.policies import BASE, changes, compiled, edited, without_lanes

KEY = "one: 6fc6dd1165374aaa5867747315129cbebf5eadf7e513223101047dbc1b51e46d"


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        pytest.param(
            [("models: [fast]", "models: [smart]")],
            [
                "loss access: 2 tenants of tier `free` lose model `fast`",
                "gain access: 2 tenants of tier `free` gain model `smart`",
            ],
            id="a tier's models",
        ),
        pytest.param(
            [("b: { tier: free }", "b: { tier: free, routes: [llm] }")],
            ["loss access: tenant `b` loses route `orders`"],
            id="a tenant's routes",
        ),
        pytest.param(
            [("20 requests/minute", "60 requests/minute")],
            [
                (
                    "gain limits: 2 tenants of tier `free` limit 20 requests/minute -> "
                    "60 requests/minute (looser, 3 times as much)"
                )
            ],
            id="a limit is looser",
        ),
        pytest.param(
            [("600 requests/minute", "600 requests/hour")],
            [
                "loss limits: tenant `c` limit 600 requests/minute -> 600 requests/hour (tighter)",
                (
                    "neutral counters: tenant `c` limit 600 requests/hour starts from zero: "
                    "its window is another"
                ),
            ],
            id="another window is tighter, and counts anew",
        ),
        pytest.param(
            [(", budget: 500 USD/month", "")],
            ["danger limits: tenant `c` budget 500 USD/month is gone (looser)"],
            id="a budget is gone",
        ),
        pytest.param(
            [
                ("redact: personal\n", ""),
                ("personal: { detect: pii }", "personal: { detect: pii, restore: true }"),
            ],
            [
                (
                    "danger redaction: redaction no longer covers requests to provider `openai`: "
                    "`credit_card`, `email`, `iban`, `phone`, `uk_nino` and `us_ssn` go out as "
                    "they are; nothing is redacted there any more"
                )
            ],
            id="redaction is gone",
        ),
        pytest.param(
            [("auth: keys }\n  - { name: orders", "auth: none }\n  - { name: orders")],
            [
                (
                    "danger auth: route `llm` is open to anybody: nobody has to say who they are: "
                    "auth keys -> none"
                )
            ],
            id="a route is public",
        ),
        pytest.param(
            [(KEY, KEY.replace("one: 6", "one: 7"))],
            ["loss auth: key `a/one` has a new value: who still uses the old one is answered 401"],
            id="a key has another value",
        ),
        pytest.param(
            [(KEY, KEY.replace("one", "two"))],
            ["neutral auth: key `a/one` is called `a/two` now"],
            id="a key is called otherwise",
        ),
        pytest.param(
            [("service: orders", "split: [{ to: orders, weight: 9 }, { to: other, weight: 1 }]")],
            ["neutral routes: route `orders` goes to service orders -> 90 % orders | 10 % other"],
            id="a split",
        ),
        pytest.param(
            [("orders.internal:80", "orders.internal:81")],
            [
                (
                    "neutral services: service `orders` endpoints: "
                    "orders.internal:80 -> orders.internal:81"
                )
            ],
            id="an endpoint",
        ),
        pytest.param(
            [("[openai/gpt-4o]", "[own/llama]")],
            [
                (
                    "neutral targets: model `smart` targets: no longer `openai/gpt-4o`, "
                    "now `own/llama`: openai/gpt-4o -> own/llama"
                ),
                (
                    "neutral cost: model `smart` costs 2.50/10.00 -> not known USD per 1M tokens "
                    "in/out"
                ),
            ],
            id="another target",
        ),
        pytest.param(
            [("  c: { tier: pro }\n", "  c: { tier: pro }\n  d: { tier: pro }\n")],
            [
                (
                    "gain access: tenant `d` is new in tier `pro`, with models `fast` and `smart` "
                    "and 0 keys; limits: 500 USD/month, 600 requests/minute"
                )
            ],
            id="a tenant is new",
        ),
    ],
)
def test_what_is_said(edits, said):
    assert without_lanes(changes(*edits)) == said


def test_a_provider_that_leaves_the_house_is_a_danger():
    """Prompts that stayed in before go to an external host."""
    inside = edited(("[openai/gpt-4o]", "[own/llama]"))
    found = diff_plans(compiled(inside).plan, compiled(BASE).plan)
    dangers = [one.message for one in found.of(Severity.DANGER)]
    assert "may go to api.openai.com, an external host; they stayed in the house before" in dangers


def test_a_price_of_cached_input_alone_is_told():
    """The prices of input and output are the same, and would show nothing."""
    price = "input: 1 USD/1M tokens, output: 2 USD/1M tokens, cached_input: 0.5 USD/1M tokens"
    priced = BASE + f"prices: {{ openai/gpt-4o-mini: {{ {price} }} }}\n"
    [line] = changes(("cached_input: 0.5", "cached_input: 0.1"), base=priced)
    assert "costs 1.00/2.00 (cached 0.5) -> 1.00/2.00 (cached 0.1) USD per 1M" in line


def test_dangers_come_first():
    found = changes(
        ("redact: personal\n", ""),
        ("20 requests/minute", "9 requests/minute"),
        ("detect: pii", "detect: [pii, iban]"),
    )
    words = [line.split()[0] for line in found]
    assert words == sorted(words, key=["danger", "loss", "gain", "neutral"].index)
    assert found[0].startswith("danger redaction")


def test_lines_of_both_sides():
    """Each change knows where it is written, in the policy as it was and as it is."""
    [change] = diff_plans(
        compiled(BASE).plan,
        compiled("# a comment more\n" + edited(("20 requests", "21 requests"))).plan,
    ).entries
    assert [str(at) for at in change.before_at] == ["gateway.yaml:17:36"]
    assert [str(at) for at in change.after_at] == ["gateway.yaml:18:36"]


def test_the_product_is_not_enumerated():
    """Hundreds of tenants that lose a model are one line."""
    many = "".join(f"  t{n}: {{ tier: free }}\n" for n in range(300))
    base = BASE.replace("  c: {", many + "  c: {")
    assert changes(("models: [fast]", "models: []"), base=base) == [
        "loss access: 302 tenants of tier `free` lose model `fast`"
    ]


ROUTE = "  - { name: llm, match: /v1, serve: llm, auth: keys"


@pytest.mark.parametrize(
    ("base", "edits", "said"),
    [
        pytest.param(
            BASE,
            [("detect: pii", "detect: [pii, us_itin], replace: block"), ("personal", "other")],
            "neutral redaction: redaction does something else in requests to provider `openai`: "
            "`credit_card`, `email`, `iban`, `phone`, `uk_nino` and `us_ssn`: placeholder -> block",
            id="another redaction does something else",
        ),
        pytest.param(
            BASE.replace("redact: personal\n", "").replace(ROUTE, f"{ROUTE}, redact: personal"),
            [("routes:\n", "routes:\n  - { name: new, match: /new, serve: llm, auth: keys }\n")],
            "danger redaction: route `new` is new, and nothing is redacted in what it sends to "
            "`openai`",
            id="a new route without any",
        ),
        pytest.param(
            BASE.replace("redact: personal\n", "").replace(
                "b: { tier: free", "b: { redact: personal, tier: free"
            ),
            [("redact: personal,", "")],
            "danger redaction: redaction no longer covers requests of tenant `b` to provider "
            "`openai`: `credit_card`, `email`, `iban`, `phone`, `uk_nino` and `us_ssn` go out as "
            "they are; nothing is redacted there any more",
            id="of one tenant",
        ),
    ],
)
def test_redaction_is_told_by_what_it_does(base, edits, said):
    assert said in changes(*edits, base=base)
