"""Semantic bugs, and what catches each.

That is random pairs (`rest`, `native`, `models`, `tokens`, `people`) or, where compiler and
evaluator share the code, tests of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutation:
    """In ``file`` the text ``old``, which is there once or more, becomes ``new``.

    ``by`` is what catches it: a kind of `tests.decide.hold`, or a file of tests.
    """

    name: str
    file: str
    old: str
    new: str
    by: str


def _planted(file: str, by: str, *changes: tuple[str, str, str]) -> Iterator[Mutation]:
    """Yield the bugs of a file that the same catches: each its name, the old text and the new."""
    for name, old, new in changes:
        yield Mutation(name, file, old, new, by)


_MATCH = "compiler/lower/match.py"
_FALLBACK = "compiler/lower/llm/fallback.py"
_OPERATIONS = "compiler/lower/llm/operations.py"
_LUA = "compiler/lower/llm/attempt.lua"
_RULES = "compiler/lower/accounts/rules.py"

MUTATIONS = (
    *_planted(
        _MATCH, "rest",
        (
            "a route's first header match is lost",
            "for header in match.headers:", "for header in match.headers[1:]:",
        ),
        (
            "a route's first query match is lost",
            "for parameter in match.query:", "for parameter in match.query[1:]:",
        ),
        (
            "an exact value matches as a prefix",
            "matcher.exact = condition.value", "matcher.prefix = condition.value",
        ),
        ("what has to be absent has to be present", "        matcher.invert_match = True\n", ""),
        (
            "a prefix matches in the middle of a segment",
            "lowered.path_separated_prefix = match.path", "lowered.prefix = match.path",
        ),
        ("of several methods one matches", '"|".join(match.methods)', "match.methods[0]"),
    ),
    *_planted(
        "compiler/lower/route.py", "rest",
        (
            "a split's weights are swapped",
            "share.weight.value = branch.weight", "share.weight.value = 1 - min(branch.weight, 1)",
        ),
        (
            "a redirect keeps the query that it is to strip",
            "redirect.strip_query = action.strip_query", "redirect.strip_query = False",
        ),
    ),
    *_planted(
        "policies/rewrite.py", "rest",
        (
            "a rewritten prefix loses its slash",
            "swap_prefix(plan.prefix, route.match, action)", "action.prefix_rewrite = plan.prefix",
        ),
    ),
    *_planted(
        "policies/headers.py", "rest",
        ("a header that is to be removed goes on", "to_remove.extend(changes.remove)", "pass"),
    ),
    *_planted(
        "compiler/lower/virtual_host.py", "rest",
        (
            "routes of a host are tried in the wrong order",
            "for route in tried:", "for route in reversed(tried):",
        ),
    ),
    *_planted(
        "compiler/route_order.py", "tests/compiler/test_planning_order.py",
        (
            "a wider host's routes are left out",
            "for pattern in _covering(host):", "for pattern in (host,):",
        ),
    ),
    *_planted(
        _FALLBACK, "native",
        (
            "a chain begins at its end",
            "for number, group in enumerate(tried, start=1)",
            "for number, group in enumerate(reversed(tried), start=1)",
        ),
    ),
    *_planted(
        _FALLBACK, "models",
        (
            "a group's weights are swapped",
            '"weight": target.weight}', '"weight": 1 - min(target.weight, 1)}',
        ),
        ("a chain makes one attempt too few", "len(tried) - 1", "max(len(tried) - 2, 1)"),
    ),
    *_planted(
        _FALLBACK, "tests/e2e/test_llm_fallback.py",
        ("no chain goes on at 529", "Trigger.OVERLOADED: (503, 529)", "Trigger.OVERLOADED: (503,)"),
    ),
    *_planted(
        _FALLBACK, "models",
        (
            "any chain goes on at a reset",
            "if on & {Trigger.TIMEOUT, Trigger.CONNECT_FAILURE}:", "if on:",
        ),
        (
            "the time of an attempt is not bound",
            "policy.per_try_timeout.FromTimedelta(fallback.attempt_timeout)", "pass",
        ),
        (
            "a chain does not go on at a target that cools down",
            "_on_header(policy, words, RETRY_HEADER).exact = COOLING", "pass",
        ),
    ),
    *_planted(
        _OPERATIONS, "native",
        (
            "an alias is no name of its model",
            "_any_of((model.name, *model.aliases))", "_any_of((model.name,))",
        ),
    ),
    *_planted(
        _OPERATIONS, "models",
        (
            "a body's size chooses a target too far up",
            "size.range_match.end = variant.below", "size.range_match.end = 4 * variant.below",
        ),
    ),
    *_planted(
        _OPERATIONS, "native",
        (
            "a model that is elsewhere is told to be unknown",
            'code="wrong_endpoint"', 'code="model_not_found"',
        ),
    ),
    *_planted(
        _LUA, "native",
        (
            "the provider is asked for the client's model",
            "rewritten(bytes, TARGET.model,", "rewritten(bytes, '\"other\"',",
        ),
        (
            "a provider's own path is left out",
            "local path = TARGET.path .. endpoint", "local path = endpoint",
        ),
    ),
    *_planted(
        "compiler/lower/llm/credentials.py", "tests/e2e/test_llm_credentials.py",
        (
            "the client's own key is not taken away",
            '    "key",  # x-api-key, api-key, x-goog-api-key, ocp-apim-subscription-key\n', "",
        ),
    ),
    *_planted(
        _RULES, "people",
        (
            "a key has no end",
            "expires=0 if key.expires is None else _seconds(key.expires)", "expires=0",
        ),
        (
            "a key may use all models",
            "        models=there.models(key.models),\n        limits=_shared(key.limits),",
            "        limits=_shared(key.limits),",
        ),
        (
            "a grant that nobody approved holds",
            "if here and grant.approved_by is not None:", "if here:",
        ),
        ("a tenant's limits are lost", "        limits=_shared(tenant.limits),\n", ""),
    ),
    *_planted(
        "compiler/lower/accounts/access.py", "tokens",
        (
            "a route's list of tenants is not looked at",
            "    if route.allow is not None and tenant.name not in route.allow:\n",
            "    if route.allow == ():\n",
        ),
        (
            "a tenant may come from anywhere",
            "anywhere = [tenant.name for tenant in allowed if not tenant.addresses]",
            "anywhere = [tenant.name for tenant in allowed]",
        ),
    ),
    *_planted(
        "compiler/lower/processing.py", "models",
        (
            "a route's redactions are left out",
            "dict.fromkeys((*plan.redact, *route.redact))", "dict.fromkeys(plan.redact)",
        ),
    ),
    *_planted(
        "compiler/decide/matching.py", "tests/decide/test_regressions.py",
        (
            "the evaluator wants all values of a header to match",
            "return any(_holds(condition, value) for value in values)",
            "return all(_holds(condition, value) for value in values)",
        ),
    ),
    *_planted(
        "compiler/decide/heads.py", "rest",
        (
            "the evaluator forgets that no client may send an underscore",
            '~0-9A-Za-z-]+")', '~0-9A-Za-z_-]+")',
        ),
    ),
    *_planted(
        "compiler/decide/choosing.py", "models",
        (
            "the evaluator draws a target by the first weight alone",
            "    total = sum(target.weight for target in group.targets)\n", "    total = 0\n",
        ),
    ),
    *_planted(
        "compiler/decide/identity.py", "people",
        (
            "the evaluator has a key end a day late",
            "late = key.expires is not None and now >= key.expires", "late = False",
        ),
    ),
    *_planted(
        "compiler/decide/limiting.py", "people",
        ("the evaluator has each limit take on its own", "amount <= left", "amount <= left + 1"),
    ),
    *_planted(
        "compiler/decide/attempting.py", "models",
        (
            "the evaluator goes on at any error",
            "    return listed or by_status or server, wait", "    return True, wait",
        ),
    ),
)  # fmt: skip
