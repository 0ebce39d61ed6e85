"""What linking says about listeners, services and routes."""

from tests.compiler.stages import FAST, LISTENER, LLM, OPENAI, codes, finding, plan_of

ORDERS = "services: { orders: { endpoints: ['10.0.0.1:80'] }, next: { endpoints: ['next:80'] } }"


def routes(*texts, more=""):
    listed = "routes:\n" + "\n".join(f"  - {text}" for text in texts)
    return finding(LISTENER, ORDERS, more, listed)


def test_no_listeners():
    """A gateway that listens nowhere is probably unfinished."""
    said = finding("")
    assert (said.code, said.severity) == ("no-listeners", "warning")


def test_port_in_use():
    """Two listeners cannot have one port: both places."""
    said = finding("listeners: { a: 8080, b: { port: 8080, address: 127.0.0.1 } }")
    assert said.code == "port-in-use"
    assert (said.at, said.labels) == ("8080", [("8080", "taken here")])


def test_same_port_of_other_addresses():
    """The same port of two addresses is fine, and so are the two versions of IP."""
    text = """
    listeners:
      a: { port: 8080, address: 127.0.0.1 }
      b: { port: 8080, address: 127.0.0.2 }
      c: { port: 8080, address: "::" }
    """
    assert codes(text) == []


def service(text):
    return finding(LISTENER, f"services: {{ orders: {{ {text} }} }}")


def test_no_endpoints():
    """A service is somewhere."""
    said = service("endpoints: []")
    assert (said.code, said.at) == ("no-endpoints", "endpoints")


def test_mixed_endpoints():
    """Names and IP addresses become endpoints in different ways."""
    said = service("endpoints: ['10.0.0.1:80', 'orders.internal:80']")
    assert said.code == "mixed-endpoints"
    assert (said.at, said.labels) == ("'orders.internal:80'", [("'10.0.0.1:80'", "an IP address")])


def test_nothing_to_resolve():
    """IP addresses need no DNS."""
    assert service("endpoints: ['10.0.0.1:80'], resolve: dns").code == "nothing-to-resolve"


def test_several_logical_names():
    """Envoy's logical DNS takes one name."""
    said = service("endpoints: ['a:80', 'b:80'], resolve: logical_dns")
    assert said.code == "several-logical-names"


def test_duplicate_endpoint():
    """An address twice in a service."""
    said = service("endpoints: ['10.0.0.1:80', { address: '10.0.0.1:80', weight: 2 }]")
    assert (said.code, said.labels) == ("duplicate-endpoint", [("'10.0.0.1:80'", "first here")])


def test_priority_gap():
    """Envoy loads no gaps between priorities."""
    said = service("endpoints: [{ address: '10.0.0.1:80', priority: 1 }]")
    assert (said.code, said.at) == ("priority-gap", "1")


def test_unused_service():
    """A service to which no route goes."""
    said = finding(LISTENER, "services: { o: { endpoints: ['a:1'] } }", code="unused-service")
    assert (said.severity, said.at) == ("warning", "o")


def test_no_action():
    """A route that does nothing."""
    assert routes("{ match: / }").code == "no-action"


def test_several_actions():
    """A route that does two things: both are shown."""
    said = routes("{ match: /, service: orders, respond: 404 }")
    assert (said.code, said.at, said.labels) == (
        "several-actions",
        "404",
        [("orders", "the first")],
    )


def test_unknown_service():
    """A service that is not there: the likeliest one."""
    said = routes("{ match: /, service: ordrs }")
    assert (said.code, said.at) == ("unknown-service", "ordrs")
    assert said.hint == "did you mean `orders`?"
    assert said.labels == [("orders", "declared here")]


def test_service_that_is_a_model():
    """A model in the place of a service: how models are offered."""
    said = finding(
        LISTENER, OPENAI, FAST, "routes: [{ match: /, service: fast }]", code="unknown-service"
    )
    assert "`serve: llm`" in said.hint


def test_unknown_service_in_a_split():
    """The same in a branch."""
    said = routes("{ match: /, split: [{ to: orders, weight: 1 }, { to: nxt, weight: 1 }] }")
    assert (said.code, said.at) == ("unknown-service", "nxt")


def test_duplicate_branch():
    """A service twice in a split."""
    said = routes("{ match: /, split: [{ to: orders, weight: 1 }, { to: orders, weight: 1 }] }")
    assert said.code == "duplicate-branch"


def test_empty_split():
    """A split without branches."""
    assert routes("{ match: /, split: [] }").code == "empty-split"


def test_zero_weights_of_a_split():
    """A split in which nothing has a share."""
    said = routes("{ match: /, split: [{ to: orders, weight: 0 }] }")
    assert (said.code, said.at) == ("zero-weights", "0")


def test_unknown_listener():
    """A listener that is not there."""
    said = routes("{ match: /, service: orders, listeners: [locl] }")
    assert (said.code, said.hint) == ("unknown-listener", "did you mean `local`?")


def test_duplicate_route_name():
    """One name for two routes: both places."""
    said = routes(
        "{ name: a, match: /x, service: orders }", "{ name: a, match: /y, service: orders }"
    )
    assert (said.code, said.at, said.labels) == ("duplicate-route", "a", [("a", "first here")])


def test_derived_name_that_another_route_has():
    """A name that was made gives way to one that was written, and says so."""
    said = routes("{ match: /a, service: orders }", "{ name: a, match: /y, service: orders }")
    assert said.code == "duplicate-route"
    assert (said.at, said.labels) == ("/a", [("a", "first here")])
    assert "made from its match" in said.message


def test_several_paths():
    """A match compares the path in one way."""
    said = routes("{ match: { path: /a, prefix: /b }, service: orders }")
    assert (said.code, said.at, said.labels) == ("several-paths", "/b", [("/a", "the first")])


def test_several_conditions():
    """A header is compared in one way."""
    said = routes("{ match: { headers: { x: { prefix: a, suffix: b } } }, service: orders }")
    assert said.code == "several-conditions"


def test_no_condition():
    """A header of which nothing is asked."""
    assert routes("{ match: { headers: { x: {} } }, service: orders }").code == "no-condition"


def test_header_twice_by_case():
    """Header names of a match do not differ by case."""
    said = routes("{ match: { headers: { X-A: b, x-a: c } }, service: orders }")
    assert said.code == "duplicate-header"


def test_policy_without_effect():
    """A policy that a route's action would ignore is refused."""
    said = routes("{ match: /, respond: 404, timeout: 5s }")
    assert (said.code, said.at) == ("policy-without-effect", "5s")


def test_timeout_of_an_llm_route():
    """Models have their own timeouts, and the hint says where."""
    said = finding(
        LISTENER, OPENAI, FAST, "routes: [{ match: /v1, serve: llm, auth: none, timeout: 5s }]"
    )
    assert (said.code, "defaults.model_timeout" in said.hint) == ("policy-without-effect", True)


def test_redirect_loop():
    """A redirect to where it came from."""
    assert routes("{ match: /, redirect: { code: 301 } }").code == "redirect-loop"


def test_redirect_with_two_paths():
    """A redirect replaces the path or its prefix."""
    assert routes("{ match: /a, redirect: { path: /b, prefix: /c } }").code == "several-paths"


def test_redirect_of_a_prefix_that_is_not_matched():
    """A prefix is replaced only where one was matched."""
    said = routes("{ match: { path: /a }, redirect: { prefix: /c } }")
    assert said.code == "prefix-without-match"


def test_rewrite_of_a_prefix_that_is_not_matched():
    """The same for rewrites."""
    said = routes("{ match: { regex: /a.*b }, service: orders, rewrite: { prefix: /c } }")
    assert said.code == "prefix-without-match"


def test_rewrite_template_without_a_template():
    """Variables come from the match's template."""
    said = routes("{ match: /a, service: orders, rewrite: { template: '/b/{id}' } }")
    assert said.code == "template-without-match"


def test_unknown_variable():
    """A variable that the match does not have."""
    said = routes(
        "{ match: { template: '/a/{id}' }, service: orders, rewrite: { template: '/b/{idd}' } }"
    )
    assert (said.code, said.hint) == ("unknown-variable", "did you mean `id`?")


def llm(text, *more):
    return finding(LISTENER, OPENAI, FAST, f"routes: [{text}]", *more)


def test_auth_missing():
    """Who may spend the money has to be said."""
    said = llm("{ match: /v1, serve: llm }")
    assert (said.code, said.at) == ("auth-missing", "llm")


def test_open_llm_route():
    """A listener that others can reach, and nobody is asked for a key."""
    said = finding("listeners: { public: 8080 }", OPENAI, FAST, LLM)
    assert (said.code, said.severity, said.at) == ("open-llm-route", "warning", "none")
    assert said.labels == [("8080", "listens on 0.0.0.0")]


def test_llm_needs_prefix():
    """Operations stand below a prefix."""
    said = llm("{ match: { path: /v1 }, serve: llm, auth: none }")
    assert said.code == "llm-needs-prefix"


def test_methods_with_llm():
    """Operations have their own methods."""
    said = llm("{ match: { prefix: /v1, method: POST }, serve: llm, auth: none }")
    assert (said.code, said.at) == ("methods-with-llm", "POST")


def test_no_models():
    """A route that serves models where there are none."""
    said = finding(LISTENER, LLM)
    assert said.code == "no-models"


def test_unknown_model():
    """A model that is not there."""
    said = llm("{ match: /v1, serve: llm, auth: none, models: [fats] }")
    assert (said.code, said.at, said.hint) == ("unknown-model", "fats", "did you mean `fast`?")


def test_unknown_model_that_is_a_target():
    """A provider's model is offered under a name of ours."""
    said = llm("{ match: /v1, serve: llm, auth: none, models: [openai/gpt-4o] }")
    assert "give it a name of yours" in said.hint


def test_models_by_other_names():
    """A route may name a model by any of its names."""
    plan = plan_of(
        LISTENER,
        OPENAI,
        "models: { fast: { targets: [openai/a], aliases: [quick] }, default: fast }",
        "routes: [{ match: /v1, serve: llm, auth: none, models: [quick, default] }]",
    )
    assert plan.routes[0].action.models == ("fast",)


def test_models_without_llm():
    """`models` on a route that serves none."""
    said = finding(LISTENER, OPENAI, FAST, "routes: [{ match: /v1, respond: 404, models: [fast] }]")
    assert said.code == "models-without-llm"


def test_unused_model():
    """A model that no route serves."""
    said = finding(LISTENER, OPENAI, FAST, code="unused-model")
    assert said.at == "fast"


def test_faults_are_told_together():
    """One run tells all faults of all sections."""
    text = """
    listeners: { a: 80, b: 80 }
    providers: { openai: { api: openai, headers: { host: x } } }
    models: { fast: { targets: [opnai/a] }, slow: slower }
    routes: [{ match: /a }, { match: /b, service: none }]
    """
    assert codes(text) == [
        "port-in-use",
        "reserved-header",
        "unknown-model",
        "unknown-provider",
        "no-action",
        "unknown-service",
    ]
