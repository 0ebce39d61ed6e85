"""Every warning that a policy can get, what it means and what to do; docs/lints.md is made of it.

A warning may be allowed where it stands, by `compiler.lints.allowing`; an error never.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Lint(NamedTuple):
    """A code, why it is said, what to do about it, and whether ``check --fix`` does it.

    ``timed`` ones come and go with the clock.
    """

    code: str
    why: str
    instead: str
    fix: bool = False
    timed: bool = False


def _unused(what: str, why: str, *, fix: bool = True) -> Lint:
    return Lint(
        f"unused-{what}",
        f"Nothing leads to this {what}: {why} Readers take it for something that matters.",
        "Use it, or remove it.",
        fix,
    )


LINTS: Final[tuple[Lint, ...]] = (
    # What nobody reaches.
    _unused("service", "no route sends anything there."),
    _unused("provider", "no model has a target there, and its key is asked for in vain."),
    _unused("model", "no route serves it, so nobody can ask for it.", fix=False),
    _unused("tier", "no tenant is in it."),
    _unused("redaction", "no gateway, route, tier or tenant names it, so it protects nothing."),
    _unused("issuer", "no route takes its tokens."),
    _unused("price", "no model has that target. Often it is a slip in the name.", fix=False),
    Lint(
        "no-listeners", "The gateway listens nowhere, so no request comes to it.", "Add a listener."
    ),
    Lint("empty-file", "A file of the folder says nothing.", "Fill it, or remove it."),
    Lint(
        "closed-route",
        "The route asks who calls, and each tenant that it is for leaves it out of its "
        "own `routes`. It refuses everybody.",
        "Add it to a tenant's `routes`, or remove it.",
    ),
    Lint(
        "keys-without-tenants",
        "A route asks for keys, and no tenant has any.",
        "Make a key: `gatewright keys create TENANT/NAME`.",
    ),
    Lint(
        "listener-without-group",
        "There are groups, and the listener is in none: no node has it.",
        "Add it to the `listeners` of a group, or remove it.",
    ),
    Lint(
        "route-without-group",
        "There are groups, and the route is in none: no node has it.",
        "Add it to the `routes` of a group, or remove it.",
    ),
    Lint(
        "secret-without-group",
        "A secret is given to no node, as what needs it is in no group.",
        "Add to a group what leads there, or remove it.",
    ),
    # Chains.
    Lint(
        "idle-fallback",
        "`on` says when to go on, and there is no other target to go on to.",
        "Add a second target or `retries`, or remove `on`.",
    ),
    Lint(
        "unreachable-target",
        "The chain never comes to this target: it has too few attempts, or no trigger.",
        "Raise `attempts`, say when to go on, or remove the target.",
    ),
    Lint(
        "idle-trigger",
        "The trigger never happens: `timeout`, where an attempt has no limit.",
        "Add `attempt_timeout: 20s`, or remove the trigger.",
    ),
    Lint(
        "wider-trigger",
        "To Envoy a timeout and a broken connection are both a reset before the answer "
        "began: a chain goes on for both or for neither.",
        "Write both, so that readers know.",
    ),
    Lint(
        "idle-timeout",
        "`attempt_timeout` bounds attempts of a chain that does not go on for "
        "`timeout`: it has no effect.",
        "Add `timeout` to `on`, or remove the limit.",
        fix=True,
    ),
    Lint(
        "unreachable-timeout",
        "A part of a request has no less time than the whole, which ends first: an "
        "attempt and its model, a try and its route.",
        "Lower it, or give the request more time.",
    ),
    Lint(
        "context-not-larger",
        "The chain goes on because a prompt was too long, to a model that holds no more.",
        "Try a larger one next, or drop `context_exceeded`.",
    ),
    Lint(
        "idle-trim",
        "Prompts are to be made to fit, and nobody knows how many tokens a target holds.",
        "Write the target's `context`.",
    ),
    Lint(
        "idle-cool-down",
        "The provider cools down after failures, and no chain goes on from it: its "
        "requests just fail meanwhile.",
        "Give its models a second target, or remove it.",
    ),
    Lint(
        "hidden-target",
        "The weight leaves a target or branch no request, or less than one in a "
        "thousand: nobody would notice that it is broken.",
        "Raise the weight, or remove it.",
    ),
    # Limits and tenants.
    Lint(
        "loose-limit",
        "A limit or budget of a part admits more than one of the whole around it (key, "
        "team, tenant, gateway), which refuses first. It promises what nobody gets.",
        "Lower it, or remove it.",
    ),
    Lint(
        "beyond-tier",
        "A tenant has a limit or budget of its own that is larger than its tier's. That"
        " is how exceptions are written, and an exception has a reason.",
        "Lower it, or allow it with the reason.",
    ),
    Lint(
        "not-of-tenant",
        "A team may use a model that its tenant may not: it cannot.",
        "Add it to the tenant's `models`, or remove it from the team's.",
    ),
    Lint(
        "needless-grant",
        "The tenant has the model or route without a grant.",
        "Write `access: on_request` where it is declared, or remove the grant.",
    ),
    Lint(
        "pending-grant",
        "The grant has no `approved_by`, so it has no effect yet.",
        "Approve it, or remove it.",
    ),
    Lint(
        "self-approved-grant",
        "Who asked for the grant approved it too.",
        "Let somebody else approve it.",
    ),
    Lint(
        "expired-grant",
        "The grant has ended; what it gave is refused.",
        "Write a later `until`, approved anew, or remove it.",
        timed=True,
    ),
    Lint(
        "expiring-grant",
        "The grant ends within two weeks.",
        "Write a later `until`, approved anew, or let it end.",
        timed=True,
    ),
    Lint(
        "expired-key",
        "The key has ended and is refused.",
        "Rotate it (`gatewright keys rotate`), or remove the line.",
        timed=True,
    ),
    Lint(
        "expiring-key",
        "The key ends within two weeks.",
        "Rotate it (`gatewright keys rotate`).",
        timed=True,
    ),
    # What leaves, and how.
    Lint(
        "open-llm-route",
        "Anybody who reaches the listener spends your providers' money.",
        "Ask for keys (`auth: keys`), or listen on a loopback address.",
    ),
    Lint(
        "clear-text-key",
        "A credential goes over the wire in clear text.",
        "Write the provider's URL with `https:`.",
    ),
    Lint(
        "clear-text-jwks",
        "The keys by which tokens are believed come over the wire in clear text: "
        "whoever is on the way can replace them.",
        "Write the URL with `https:`.",
    ),
    Lint(
        "url-without-version",
        "The provider's API begins at a longer path than its URL has.",
        "Write the URL as the hint says, or leave `url` away.",
    ),
    Lint(
        "nothing-to-restore",
        "`restore` puts values back for placeholders, and the redaction makes none.",
        "Write `replace: placeholder`, or remove `restore`.",
    ),
    Lint(
        "idle-hash-key",
        "The redaction has a key for hashes and makes no hashes.",
        "Write `replace: hash`, or remove `hash_key`.",
    ),
    Lint(
        "many-national-ids",
        "National numbers of all countries are looked for; many plain numbers are taken"
        " for some country's.",
        "Name the countries that you need.",
    ),
    # Envoy.
    Lint(
        "runtime-too-late",
        "Envoy reads the key once, before it asks for any configuration.",
        "Set it in the bootstrap.",
    ),
    Lint(
        "many-routes",
        "A request may be held against thousands of routes, one after the other.",
        "Write prefixes, paths or templates instead of expressions that begin with anything.",
    ),
    Lint(
        "unused-allow",
        "The comment allows a warning that is not there (any more): it would hide the next one.",
        "Remove the comment.",
        fix=True,
    ),
)
"""In the order of the page."""

CODES: Final[frozenset[str]] = frozenset(lint.code for lint in LINTS)
