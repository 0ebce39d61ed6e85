"""How a chain goes on: the groups of clusters, and exactly the causes that the policy lists.

Each cause has one mechanism of Envoy's retry policy, chosen so that it means nothing else:

* ``rate_limited``, ``overloaded``, ``server_error``: the provider's own status codes. Envoy's words
  (``5xx``, ``gateway-error``) would let timeouts and broken connections pass as well.
* ``timeout`` and ``connect_failure``: ``reset``, which is both of them. They are told apart by
  whether an attempt has a timeout at all.
* ``context_exceeded``, ``content_filter``, and every cause that the edge finds in an answer: a
  header that names it, set by Lua when it has read the refusal's body, or by the edge.
* a target that is cooling down: the same header, whatever the policy lists.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from itertools import pairwise

from compiler.lower.llm.names import COOLING, RETRY_HEADER, WAIT_HEADER, cluster_name
from compiler.plan_llm import Fallback, Group, Model, Trigger
from xds.schema import envoy
from xds.wire import typed_struct

matcher_v3 = envoy.type.matcher.v3
route_v3 = envoy.config.route.v3

SPECIFIER = "envoy.router.cluster_specifier_plugin.priority_group"
_SPECIFIER_TYPE = (
    "envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier"
)

_STATUSES = {
    Trigger.RATE_LIMITED: (429,),
    Trigger.OVERLOADED: (503, 529),
}
_READ = (Trigger.CONTEXT_EXCEEDED, Trigger.CONTENT_FILTER)
"""Causes that only a look into the answer tells."""


def lead_to_targets(
    model: Model,
    groups: tuple[Group, ...],
    action: route_v3.RouteAction,
    *,
    told: bool,
    cooling: Collection[str],
) -> None:
    """Send a route's requests to groups of the model's targets, in order and by weight.

    ``told`` is whether the edge names the causes of failures; ``cooling`` are the providers that
    may be cooling down.
    """
    tried = attempts(model.fallback, groups)
    if len(groups) == 1:
        _one_group(groups[0], action)
    else:
        _chain(tried, action)
    if len(tried) > 1:
        _retry(
            model.fallback,
            tried,
            action.retry_policy,
            told=told,
            waiting=bool(waits(model.fallback, groups)),
            cooling=cooling,
        )


def attempts(fallback: Fallback, groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """Give the group of each attempt: each as often as it is tried before the next one is.

    ``Fallback.attempts`` counts groups, where each is tried more than once.
    """
    each = 1 if fallback.retries is None else fallback.retries.attempts
    return tuple(group for group in groups[: fallback.attempts] for _ in range(each))


def waits(fallback: Fallback, groups: tuple[Group, ...]) -> dict[str, bool | float]:
    """Say behind which attempts the same target is tried again, for Lua; empty for none.

    ``longest`` is the longest wait in seconds, ``final`` the first attempt at the last group. A
    group of several targets is drawn from anew, so that nobody knows whether there is anything to
    wait for.
    """
    if fallback.retries is None:
        return {}
    tried = attempts(fallback, groups)
    same: dict[str, bool | float] = {
        str(number): True
        for number, (one, following) in enumerate(pairwise(tried), start=1)
        if one is following and (len(one.targets) == 1 or len(groups) == 1)
    }
    longest = fallback.retries.longest_wait
    if not same or not longest:
        return {}
    final = len(tried) - fallback.retries.attempts + 1
    return {**same, "longest": longest.total_seconds(), "final": float(final)}


def _one_group(group: Group, action: route_v3.RouteAction) -> None:
    if len(group.targets) == 1:
        action.cluster = cluster_name(group.targets[0])
        return
    for target in group.targets:
        share = action.weighted_clusters.clusters.add()
        share.name = cluster_name(target)
        share.weight.value = target.weight


def _chain(tried: tuple[Group, ...], action: route_v3.RouteAction) -> None:
    """A group for each attempt; the cluster is chosen anew for each, with its own filters."""
    extension = action.inline_cluster_specifier_plugin.extension
    extension.name = SPECIFIER
    extension.typed_config.CopyFrom(
        typed_struct(
            _SPECIFIER_TYPE,
            {
                "priority_groups": [
                    {
                        "name": f"group-{number}",
                        "clusters": [
                            {"cluster_name": cluster_name(target), "weight": target.weight}
                            for target in group.targets
                        ],
                    }
                    for number, group in enumerate(tried, start=1)
                ]
            },
        )
    )


def _retry(
    fallback: Fallback,
    tried: tuple[Group, ...],
    policy: route_v3.RetryPolicy,
    *,
    told: bool,
    waiting: bool,
    cooling: Collection[str],
) -> None:
    on = frozenset(fallback.on)
    words: list[str] = []
    if Trigger.SERVER_ERROR in on:
        _on_header(policy, words, ":status").prefix = "5"
    statuses = {status for trigger in on for status in _STATUSES.get(trigger, ())}
    if statuses and not waiting:  # else Lua says whether there is a point in it
        words.append("retriable-status-codes")
        policy.retriable_status_codes.extend(sorted(statuses))
    if on & {Trigger.TIMEOUT, Trigger.CONNECT_FAILURE}:
        words.append("reset")
    for trigger in fallback.on:
        if told or trigger in _READ or (waiting and trigger in _STATUSES):
            _on_header(policy, words, RETRY_HEADER).exact = trigger.value
    chain = any(one is not tried[0] for one in tried)
    if chain and any(target.provider in cooling for group in tried for target in group.targets):
        _on_header(policy, words, RETRY_HEADER).exact = COOLING
    policy.retry_on = ",".join(words)
    policy.num_retries.value = len(tried) - 1
    policy.refresh_cluster_on_retry = chain
    _back_off(fallback, policy)
    if Trigger.TIMEOUT in on and fallback.attempt_timeout is not None:
        policy.per_try_timeout.FromTimedelta(fallback.attempt_timeout)


def _back_off(fallback: Fallback, policy: route_v3.RetryPolicy) -> None:
    """Wait where the same target may be asked again: some random time, or as long as it says."""
    retries = fallback.retries
    again = retries is not None and retries.attempts > 1
    # Else the next target is another one: there is nothing to wait for.
    policy.retry_back_off.base_interval.FromMilliseconds(25 if again else 1)
    policy.retry_back_off.max_interval.FromMilliseconds(250 if again else 1)
    if retries is not None and again and retries.longest_wait >= timedelta(seconds=1):
        limited = policy.rate_limited_retry_back_off
        # Longer waits were left out before, by Lua.
        limited.max_interval.FromTimedelta(retries.longest_wait + timedelta(seconds=1))
        limited.reset_headers.add(name=WAIT_HEADER, format="SECONDS")


def _on_header(
    policy: route_v3.RetryPolicy, words: list[str], name: str
) -> matcher_v3.StringMatcher:
    """Go on where a header of the answer matches what is written into the result."""
    if "retriable-headers" not in words:
        words.append("retriable-headers")
    return policy.retriable_headers.add(name=name).string_match
