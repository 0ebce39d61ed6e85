"""How a chain goes on: the groups of clusters, and exactly the causes that the policy lists.

Each cause has one mechanism of Envoy's retry policy, chosen so that it means nothing else:

* ``rate_limited``, ``overloaded``, ``server_error``: the provider's own status codes. Envoy's words
  (``5xx``, ``gateway-error``) would let timeouts and broken connections pass as well.
* ``timeout`` and ``connect_failure``: ``reset``, which is both of them. They are told apart by
  whether an attempt has a timeout at all.
* ``context_exceeded``: a header that Lua sets when it has read the refusal's body.
"""

from __future__ import annotations

from compiler.lower.llm.names import RETRY_HEADER, cluster_name
from compiler.plan_llm import Model, Trigger
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


def lead_to_targets(model: Model, action: route_v3.RouteAction) -> None:
    """Send a route's requests to the model's targets, in order and by weight."""
    if len(model.groups) > 1:
        _chain(model, action)
        return
    (group,) = model.groups
    if len(group.targets) == 1:
        action.cluster = cluster_name(group.targets[0])
        return
    for target in group.targets:
        share = action.weighted_clusters.clusters.add()
        share.name = cluster_name(target)
        share.weight.value = target.weight


def _chain(model: Model, action: route_v3.RouteAction) -> None:
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
                    for number, group in enumerate(model.groups, start=1)
                ]
            },
        )
    )
    if model.fallback.attempts > 1:
        _retry(model, action.retry_policy)


def _retry(model: Model, policy: route_v3.RetryPolicy) -> None:
    on = frozenset(model.fallback.on)
    words: list[str] = []
    if Trigger.SERVER_ERROR in on:
        _on_header(policy, words, ":status").prefix = "5"
    statuses = {status for trigger in on for status in _STATUSES.get(trigger, ())}
    if statuses:
        words.append("retriable-status-codes")
        policy.retriable_status_codes.extend(sorted(statuses))
    if on & {Trigger.TIMEOUT, Trigger.CONNECT_FAILURE}:
        words.append("reset")
    if Trigger.CONTEXT_EXCEEDED in on:
        _on_header(policy, words, RETRY_HEADER).exact = Trigger.CONTEXT_EXCEEDED.value
    policy.retry_on = ",".join(words)
    policy.num_retries.value = model.fallback.attempts - 1
    policy.refresh_cluster_on_retry = True
    # The next target is another one: there is nothing to wait for.
    policy.retry_back_off.base_interval.FromMilliseconds(1)
    policy.retry_back_off.max_interval.FromMilliseconds(1)
    if Trigger.TIMEOUT in on and model.fallback.attempt_timeout is not None:
        policy.per_try_timeout.FromTimedelta(model.fallback.attempt_timeout)


def _on_header(
    policy: route_v3.RetryPolicy, words: list[str], name: str
) -> matcher_v3.StringMatcher:
    """Go on where a header of the answer matches what is written into the result."""
    if "retriable-headers" not in words:
        words.append("retriable-headers")
    return policy.retriable_headers.add(name=name).string_match
