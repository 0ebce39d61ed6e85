"""What linking says about models, targets and prices."""

from tests.compiler.stages import (
    FAST,
    LISTENER,
    LLM,
    OPENAI,
    codes,
    finding,
    plan_of,
)

TWO = """
providers:
  openai: { api: openai }
  backup: { api: openai, url: "https://llm.example/v1" }
  claude: { api: anthropic }
"""


def models(text):
    return finding(LISTENER, TWO, text, LLM)


def error(text, code):
    return finding(LISTENER, TWO, text, LLM, code=code)


def test_a_right_policy_gets_no_word():
    """A policy without faults is not commented on."""
    assert codes(LISTENER, OPENAI, FAST, LLM) == []


def test_unknown_provider():
    """A target of a provider that is not there: the likeliest one, and where it is declared."""
    said = models("models: { fast: { targets: [opnai/gpt-4o-mini] } }")
    assert said.code == "unknown-provider"
    assert said.message == "model `fast` tries provider `opnai`"
    assert said.at == "opnai/gpt-4o-mini"
    assert said.labels == [("openai", "declared here")]
    assert said.hint == "did you mean `openai`?"


def test_unknown_provider_unlike_any():
    """Where nothing is alike, the hint lists what there is."""
    said = models("models: { fast: { targets: [zzz/gpt-4o-mini] } }")
    assert said.hint == "`providers:` has `backup`, `claude`, `openai`"
    assert said.labels == []


def test_unknown_provider_without_any():
    """Without any provider the hint says what to declare."""
    said = finding(LISTENER, FAST, LLM)
    assert said.code == "unknown-provider"
    assert said.hint == "declare it under `providers:`; there are none yet"


def test_target_that_is_a_provider():
    """A target without a model is asked for one."""
    said = models("models: { fast: { targets: [openai] } }")
    assert said.code == "bad-target"
    assert "such as `openai/MODEL`" in said.hint


def test_target_that_is_a_model_of_the_file():
    """A target that names a model of ours is told from another name of it."""
    said = models("models: { fast: { targets: [openai/a] }, quick: { targets: [fast] } }")
    assert said.code == "bad-target"
    assert said.at == "fast"
    assert "`OTHER-NAME: fast`" in said.hint


def test_target_known_elsewhere():
    """A model without its provider gets the target that others use."""
    said = models("models: { a: { targets: [openai/gpt-4o] }, b: { targets: [gpt-4o] } }")
    assert said.code == "bad-target"
    assert said.hint == "did you mean `openai/gpt-4o`?"


def test_target_without_a_model_after_the_slash():
    """`openai/` names no model."""
    assert models("models: { fast: { targets: [openai/] } }").code == "bad-target"


def test_first_slash_separates():
    """Names of models may hold slashes: the first one ends the provider."""
    plan = plan_of(LISTENER, TWO, "models: { m: { targets: [openai/meta/llama] } }", LLM)
    target = plan.models[0].groups[0].targets[0]
    assert (target.provider, target.model) == ("openai", "meta/llama")


def test_empty_chain():
    """A model without targets is refused at its list."""
    said = models("models: { fast: { targets: [] } }")
    assert (said.code, said.at) == ("empty-chain", "targets")


def test_empty_group():
    """A group without targets is refused likewise."""
    assert models("models: { fast: { targets: [[]] } }").code == "empty-chain"


def test_mixed_weights():
    """Some targets with a weight and some without: both are shown."""
    said = models(
        "models: { fast: { targets: [{ to: openai/a, weight: 1 }, backup/b] } }",
    )
    assert said.code == "mixed-weights"
    assert (said.at, said.labels) == ("backup/b", [("1", "a weight")])


def test_mixed_weights_in_a_group():
    """The same inside a group."""
    said = models(
        "models: { fast: { targets: [[{ to: openai/a, weight: 1 }, backup/b], openai/c] } }"
    )
    assert said.code == "mixed-weights"


def test_weight_beside_a_group():
    """A weight in a chain whose other step is a group cannot be shared with it."""
    said = models(
        "models: { fast: { targets: [{ to: openai/a, weight: 1 }, [backup/b, openai/c]] } }"
    )
    assert said.code == "mixed-weights"


def test_zero_weights():
    """Weights of which none is above zero share nothing."""
    said = models(
        "models: { fast: { targets: [{ to: openai/a, weight: 0 }, { to: backup/b, weight: 0 }] } }"
    )
    assert (said.code, said.at) == ("zero-weights", "0")


def test_duplicate_target():
    """A target twice in one group: the weights are to be added up."""
    said = models(
        "models: { fast: { targets: [{ to: openai/a, weight: 1 }, { to: openai/a, weight: 2 }] } }"
    )
    assert said.code == "duplicate-target"
    assert [text for _, text in said.labels] == ["first here"]


def test_a_chain_over_two_apis():
    """A chain goes over any APIs: what is not the client's own is translated."""
    text = "models: { fast: { targets: [openai/a, claude/b] } }"
    plan = plan_of(LISTENER, TWO, text, LLM)
    assert [one.value for one in plan.models[0].endpoints] == [
        "/chat/completions",
        "/completions",
        "/responses",
        "/responses/input_tokens",
        "/messages",
        "/messages/count_tokens",
    ]


def test_apis_that_are_asked_for():
    """`apis` narrows what is offered, and counting goes with what is counted for."""
    text = (
        "models: { m: { targets: [claude/b], apis: [messages] }, "
        "n: { targets: [openai/a], apis: chat } }"
    )
    served = [[one.value for one in m.endpoints] for m in plan_of(LISTENER, TWO, text, LLM).models]
    assert served == [["/messages", "/messages/count_tokens"], ["/chat/completions"]]


def test_an_api_that_a_target_cannot_serve():
    """Asking for what one target cannot do shows both places, and who could."""
    said = models("models: { fast: { targets: [openai/a, claude/b], apis: [chat, embeddings] } }")
    assert said.code == "unsupported-operation"
    assert said.message == (
        "model `fast` is to be offered on `embeddings`, which `claude` cannot serve"
    )
    assert (said.at, said.labels) == ("embeddings", [("claude/b", "cannot serve it")])
    assert "it is served by `openai`, `azure`" in said.hint


def test_alias_of_nothing():
    """Another name of a model that is not there."""
    said = error("models: { fast: { targets: [openai/a] }, default: fats }", "unknown-model")
    assert (said.at, said.hint) == ("fats", "did you mean `fast`?")


def test_alias_that_was_meant_as_a_target():
    """A provider's model in the place of a name is to stand in a list."""
    said = error("models: { fast: openai/gpt-4o }", "unknown-model")
    assert "targets: [openai/gpt-4o]" in said.hint


def test_alias_of_an_alias():
    """Other names of other names mean the model at the end."""
    text = "models: { fast: { targets: [openai/a], aliases: [quick] }, b: quick, a: b }"
    assert plan_of(LISTENER, TWO, text, LLM).models[0].aliases == ("a", "b", "quick")


def test_alias_cycle():
    """Names that mean each other are told once, with all of their places."""
    said = error("models: { fast: { targets: [openai/a] }, a: b, b: c, c: a, d: a }", "alias-cycle")
    assert said.message == "these names mean each other: `a` -> `b` -> `c` -> `a`"
    assert len(said.labels) == 2


def test_alias_of_itself():
    """The shortest cycle."""
    said = error("models: { fast: { targets: [openai/a] }, a: a }", "alias-cycle")
    assert said.at == "a"


def test_ambiguous_model():
    """A name that two models would have: both places."""
    said = error(
        "models: { fast: { targets: [openai/a], aliases: [smart] }, "
        "smart: { targets: [openai/b] } }",
        "ambiguous-model",
    )
    assert said.at == "smart"
    assert said.labels == [("smart", "declared here")]


def test_too_many_attempts():
    """Each group is tried once, so more attempts than groups cannot be."""
    said = models("models: { fast: { targets: [openai/a, backup/b], fallback: { attempts: 3 } } }")
    assert (said.code, said.at) == ("too-many-attempts", "3")


def test_fewer_attempts_than_groups():
    """A target that no attempt is left for is pointed at."""
    said = models(
        "models: { fast: { targets: [openai/a, backup/b, openai/c], fallback: { attempts: 2 } } }"
    )
    assert (said.code, said.severity, said.at) == ("unreachable-target", "warning", "openai/c")


def test_no_trigger():
    """A chain that nothing makes go on."""
    said = models("models: { fast: { targets: [openai/a, backup/b], fallback: { on: [] } } }")
    assert (said.code, said.severity) == ("unreachable-target", "warning")


def test_idle_fallback():
    """Triggers without a second target."""
    said = models("models: { fast: { targets: [openai/a], fallback: { on: [rate_limited] } } }")
    assert (said.code, said.severity) == ("idle-fallback", "warning")


def test_idle_trigger():
    """The trigger `timeout` without any limit on an attempt."""
    said = finding(
        LISTENER,
        TWO,
        "models: { fast: { targets: [openai/a, backup/b], fallback: { on: [timeout] } } }",
        LLM,
        code="idle-trigger",
    )
    assert said.at == "timeout"


def test_unreachable_timeout():
    """A limit on an attempt that is not below that of the whole request."""
    said = models(
        "models: { fast: { targets: [openai/a], timeout: 10s, "
        "fallback: { attempt_timeout: 20s } } }"
    )
    assert (said.code, said.at, said.labels) == (
        "unreachable-timeout",
        "20s",
        [("10s", "for the whole request")],
    )


def test_context_not_larger():
    """A prompt that is too long goes to a model that holds no more."""
    said = finding(
        LISTENER,
        "providers: { openai: { api: openai } }",
        "models: { fast: { targets: [openai/gpt-4o, openai/gpt-4o-mini], "
        "fallback: { on: [context_exceeded] } } }",
        LLM,
    )
    assert (said.code, said.at) == ("context-not-larger", "openai/gpt-4o-mini")


CLAUDES = "providers: { openai: { api: openai }, claude: { api: anthropic } }"
SHRINKING = "targets: [claude/claude-sonnet-4-5, openai/gpt-4o-mini]"


def test_smaller_context():
    """A prompt that the first target takes may not fit the second: both are shown."""
    said = finding(LISTENER, CLAUDES, f"models: {{ m: {{ {SHRINKING} }} }}", LLM)
    assert (said.code, said.severity, said.at) == ("smaller-context", "error", "openai/gpt-4o-mini")
    assert said.labels[0][0] == "claude/claude-sonnet-4-5"
    assert "holds 128,000 tokens, and prompts of up to" in said.message


def test_smaller_context_behind_a_larger_one():
    """What the first target takes is what must fit: a larger one in between does not matter."""
    targets = "[{ to: openai/a, context: 8k tokens }, { to: openai/b, context: 100k tokens }, "
    last = "{ to: openai/c, context: 9k tokens }]"
    assert codes(LISTENER, OPENAI, f"models: {{ m: {{ targets: {targets}{last} }} }}", LLM) == []
    on = "fallback: { on: [rate_limited, context_exceeded] }"
    said = finding(LISTENER, OPENAI, f"models: {{ m: {{ targets: {targets}{last}, {on} }} }}", LLM)
    assert (said.code, said.at) == ("smaller-context", "{ to: openai/c, context: 9k tokens }")


def test_ways_to_a_smaller_context():
    """It is fine where prompts are made to fit, chosen by, or where nothing else goes on."""
    for more in (
        "fallback: { trim: oldest }",
        "choose: context",
        "fallback: { attempts: 1, on: [] }",
    ):
        said = codes(LISTENER, CLAUDES, f"models: {{ m: {{ {SHRINKING}, {more} }} }}", LLM)
        assert "smaller-context" not in said


def test_a_window_as_written():
    """What the policy says of a window goes before the shipped data."""
    text = "targets: [{ to: claude/claude-sonnet-4-5, context: 100k tokens }, openai/gpt-4o-mini]"
    plan = plan_of(LISTENER, CLAUDES, f"models: {{ m: {{ {text} }} }}", LLM)
    assert [group.targets[0].window for group in plan.models[0].groups] == [100_000, 128_000]


def test_trim_without_a_window():
    """Nothing can be dropped for a target whose window nobody knows."""
    said = models("models: { m: { targets: [openai/a], fallback: { trim: oldest } } }")
    assert (said.code, said.severity, said.at) == ("idle-trim", "warning", "oldest")


def test_choose_by_an_unknown_price():
    """The cheapest cannot be told where a price is not known."""
    said = models("models: { m: { targets: [openai/gpt-4o, backup/b], choose: cost } }")
    assert (said.code, said.at) == ("price-unknown", "backup/b")
    assert said.labels == [("cost", "because of this")]


def test_choose_by_an_unknown_window():
    """The smallest that fits cannot be told where a window is not known."""
    said = models("models: { m: { targets: [openai/gpt-4o, backup/b], choose: context } }")
    assert (said.code, said.at) == ("window-unknown", "backup/b")


def test_choose_among_one():
    """Latency needs somebody to compare with."""
    said = models("models: { m: { targets: [openai/a], choose: latency } }")
    assert (said.code, said.at) == ("nothing-to-choose", "latency")
    shared = "[{ to: openai/a, weight: 1 }, { to: backup/b, weight: 1 }]"
    said = models(f"models: {{ m: {{ targets: {shared}, choose: latency }} }}")
    assert said.code == "nothing-to-choose"


def test_choose_by_weights_that_are_not_there():
    """A chain has no shares."""
    said = models("models: { m: { targets: [openai/a, backup/b], choose: weight } }")
    assert (said.code, said.labels) == (
        "choose-without-weights",
        [("targets", "no shares")],
    )


def test_retries_have_triggers():
    """With retries one target has something to go on to: itself."""
    assert "idle-fallback" not in codes(
        LISTENER,
        OPENAI,
        "models: { m: { targets: [openai/a], fallback: { on: [rate_limited], retries: 2 } } }",
        LLM,
    )


def test_price_of_no_provider():
    """A price of a provider that is not there."""
    said = finding(
        LISTENER,
        OPENAI,
        FAST,
        LLM,
        "prices: { opnai/x: { input: 1 USD/1M tokens, output: 1 USD/1M tokens } }",
    )
    assert (said.code, said.hint) == ("unknown-provider", "did you mean `openai`?")


def test_unused_price():
    """A price that no target needs is probably misspelt."""
    said = finding(
        LISTENER,
        OPENAI,
        FAST,
        LLM,
        "prices: { openai/gpt-4o-mni: { input: 1 USD/1M tokens, output: 1 USD/1M tokens } }",
        code="unused-price",
    )
    assert (said.code, said.severity) == ("unused-price", "warning")
    assert said.hint == "did you mean `openai/gpt-4o-mini`?"


def test_unused_provider():
    """A provider without a target, once all else is right."""
    assert codes(LISTENER, TWO, FAST, LLM) == ["unused-provider", "unused-provider"]
