"""Semantic bugs, planted one at a time into a copy of the source, and what catches each.

`python -m tests.decide.mutations [--only NAME]` prints a table and ends with 1 where one survives.
A bug is caught by random pairs (`rest`, `native`, `models`, `tokens`, `people`: kinds of
`tests.decide.hold`), or, where compiler and evaluator share the code, by tests of their own.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
COPIED = (
    "bench", "cli", "compiler", "deploy", "docs", "examples", "ext_authz", "policies", "simulator",
    "tests", "typings", "xds",
)  # fmt: skip
SEED = 6
PLANS = {"rest": (60, 16), "native": (16, 40)}
ELSEWHERE = (16, 40)


_TOLD = re.compile(r"FAILED |.* [0-9]+ pairs, [0-9]+ differences")


@dataclass(frozen=True, slots=True)
class Mutation:
    """In ``file`` the text ``old``, which is there once or more, becomes ``new``."""

    name: str
    file: str
    old: str
    new: str
    by: str


_MATCH = "compiler/lower/match.py"
_FALLBACK = "compiler/lower/llm/fallback.py"
_OPERATIONS = "compiler/lower/llm/operations.py"
_LUA = "compiler/lower/llm/attempt.lua"

MUTATIONS = (
    Mutation(
        "a route's first header match is lost",
        _MATCH, "for header in match.headers:", "for header in match.headers[1:]:", "rest",
    ),
    Mutation(
        "a route's first query match is lost",
        _MATCH, "for parameter in match.query:", "for parameter in match.query[1:]:", "rest",
    ),
    Mutation(
        "an exact value matches as a prefix",
        _MATCH, "matcher.exact = condition.value", "matcher.prefix = condition.value", "rest",
    ),
    Mutation(
        "what has to be absent has to be present",
        _MATCH, "        matcher.invert_match = True\n", "", "rest",
    ),
    Mutation(
        "a prefix matches in the middle of a segment",
        _MATCH, "lowered.path_separated_prefix = match.path", "lowered.prefix = match.path", "rest",
    ),
    Mutation(
        "of several methods one matches",
        _MATCH, '"|".join(match.methods)', "match.methods[0]", "rest",
    ),
    Mutation(
        "a split's weights are swapped",
        "compiler/lower/route.py",
        "share.weight.value = branch.weight",
        "share.weight.value = 1 - min(branch.weight, 1)",
        "rest",
    ),
    Mutation(
        "a redirect keeps the query that it is to strip",
        "compiler/lower/route.py",
        "redirect.strip_query = action.strip_query", "redirect.strip_query = False", "rest",
    ),
    Mutation(
        "a rewritten prefix loses its slash",
        "policies/rewrite.py",
        "swap_prefix(plan.prefix, route.match, action)",
        "action.prefix_rewrite = plan.prefix",
        "rest",
    ),
    Mutation(
        "a header that is to be removed goes on",
        "policies/headers.py", "to_remove.extend(changes.remove)", "pass", "rest",
    ),
    Mutation(
        "routes of a host are tried in the wrong order",
        "compiler/lower/virtual_host.py",
        "for route in tried:", "for route in reversed(tried):", "rest",
    ),
    Mutation(
        "a wider host's routes are left out",
        "compiler/route_order.py",
        "for pattern in _covering(host):", "for pattern in (host,):",
        "tests/compiler/test_planning_order.py",
    ),
    Mutation(
        "a chain begins at its end",
        _FALLBACK,
        "for number, group in enumerate(tried, start=1)",
        "for number, group in enumerate(reversed(tried), start=1)",
        "native",
    ),
    Mutation(
        "a group's weights are swapped",
        _FALLBACK,
        '"weight": target.weight}', '"weight": 1 - min(target.weight, 1)}', "models",
    ),
    Mutation(
        "a chain makes one attempt too few",
        _FALLBACK, "len(tried) - 1", "max(len(tried) - 2, 1)", "models",
    ),
    Mutation(
        "no chain goes on at 529",
        _FALLBACK, "Trigger.OVERLOADED: (503, 529)", "Trigger.OVERLOADED: (503,)",
        "tests/e2e/test_llm_fallback.py",
    ),
    Mutation(
        "any chain goes on at a reset",
        _FALLBACK,
        "if on & {Trigger.TIMEOUT, Trigger.CONNECT_FAILURE}:", "if on:", "models",
    ),
    Mutation(
        "the time of an attempt is not bound",
        _FALLBACK,
        "policy.per_try_timeout.FromTimedelta(fallback.attempt_timeout)", "pass", "models",
    ),
    Mutation(
        "a chain does not go on at a target that cools down",
        _FALLBACK, "_on_header(policy, words, RETRY_HEADER).exact = COOLING", "pass", "models",
    ),
    Mutation(
        "an alias is no name of its model",
        _OPERATIONS,
        "_any_of((model.name, *model.aliases))", "_any_of((model.name,))", "native",
    ),
    Mutation(
        "a body's size chooses a target too far up",
        _OPERATIONS,
        "size.range_match.end = variant.below", "size.range_match.end = 4 * variant.below",
        "models",
    ),
    Mutation(
        "a model that is elsewhere is told to be unknown",
        _OPERATIONS,
        'code="wrong_endpoint"',
        'code="model_not_found"',
        "native",
    ),
    Mutation(
        "the provider is asked for the client's model",
        _LUA,
        "rewritten(bytes, TARGET.model,", "rewritten(bytes, '\"other\"',", "native",
    ),
    Mutation(
        "a provider's own path is left out",
        _LUA,
        "local path = TARGET.path .. endpoint", "local path = endpoint", "native",
    ),
    Mutation(
        "the client's own key is not taken away",
        "compiler/lower/llm/credentials.py",
        '    "key",  # x-api-key, api-key, x-goog-api-key, ocp-apim-subscription-key\n', "",
        "tests/e2e/test_llm_credentials.py",
    ),
    Mutation(
        "a key has no end",
        "compiler/lower/accounts/rules.py",
        "expires=0 if key.expires is None else _seconds(key.expires)", "expires=0", "people",
    ),
    Mutation(
        "a key may use all models",
        "compiler/lower/accounts/rules.py",
        "        models=there.models(key.models),\n        limits=_shared(key.limits),",
        "        limits=_shared(key.limits),",
        "people",
    ),
    Mutation(
        "a grant that nobody approved holds",
        "compiler/lower/accounts/rules.py",
        "if here and grant.approved_by is not None:", "if here:", "people",
    ),
    Mutation(
        "a tenant's limits are lost",
        "compiler/lower/accounts/rules.py",
        "        limits=_shared(tenant.limits),\n", "", "people",
    ),
    Mutation(
        "a route's list of tenants is not looked at",
        "compiler/lower/accounts/access.py",
        "    if route.allow is not None and tenant.name not in route.allow:\n",
        "    if route.allow == ():\n", "tokens",
    ),
    Mutation(
        "a tenant may come from anywhere",
        "compiler/lower/accounts/access.py",
        "anywhere = [tenant.name for tenant in allowed if not tenant.addresses]",
        "anywhere = [tenant.name for tenant in allowed]",
        "tokens",
    ),
    Mutation(
        "a route's redactions are left out",
        "compiler/lower/processing.py",
        "dict.fromkeys((*plan.redact, *route.redact))", "dict.fromkeys(plan.redact)", "models",
    ),
    Mutation(
        "the evaluator wants all values of a header to match",
        "compiler/decide/matching.py",
        "return any(_holds(condition, value) for value in values)",
        "return all(_holds(condition, value) for value in values)",
        "tests/decide/test_regressions.py",
    ),
    Mutation(
        "the evaluator forgets that no client may send an underscore",
        "compiler/decide/heads.py", '~0-9A-Za-z-]+")', '~0-9A-Za-z_-]+")', "rest",
    ),
    Mutation(
        "the evaluator draws a target by the first weight alone",
        "compiler/decide/choosing.py",
        "    total = sum(target.weight for target in group.targets)\n",
        "    total = 0\n", "models",
    ),
    Mutation(
        "the evaluator has a key end a day late",
        "compiler/decide/identity.py",
        "late = key.expires is not None and now >= key.expires", "late = False", "people",
    ),
    Mutation(
        "the evaluator has each limit take on its own",
        "compiler/decide/limiting.py",
        "amount <= left", "amount <= left + 1", "people",
    ),
    Mutation(
        "the evaluator goes on at any error",
        "compiler/decide/attempting.py",
        "    return listed or by_status or server, wait", "    return True, wait", "models",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a planted bug; ``said`` is the last of what its catcher printed."""

    mutation: Mutation
    caught: bool
    seconds: float
    said: str


def tried(mutation: Mutation) -> Tried:
    """Plant a bug into a copy, and run what is to catch it there."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gatewright-mutated-") as folder:
        copy = Path(folder)
        for name in COPIED:
            ignored = shutil.ignore_patterns("__pycache__", "node_modules")
            shutil.copytree(REPOSITORY / name, copy / name, ignore=ignored)
        for name in ("pyproject.toml", "README.md", "Makefile", "CHANGELOG.md"):
            shutil.copy(REPOSITORY / name, copy)
        planted = copy / mutation.file
        text = planted.read_text()
        if mutation.old not in text:
            raise ValueError(f"{mutation.name}: {mutation.file} does not hold what is replaced")
        planted.write_text(text.replace(mutation.old, mutation.new))
        done = subprocess.run(
            _command(mutation.by),
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    told = [line for line in done.stdout.splitlines() if _TOLD.match(line)]
    # Whoever cannot even begin has caught nothing.
    caught = done.returncode != 0 and bool(told)
    said = told[-1] if told else (done.stderr.splitlines() or done.stdout.splitlines())[-1]
    return Tried(mutation, caught, time.monotonic() - began, said)


def _command(by: str) -> list[str]:
    if by.startswith("tests/"):
        return [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", by]
    plans, pairs = PLANS.get(by, ELSEWHERE)
    hold = [sys.executable, "-m", "tests.decide.hold", by]
    return [*hold, "--plans", str(plans), "--pairs", str(pairs), "--seed", str(SEED)]


def main() -> int:
    """Try all of them, or those whose name holds a text."""
    parser = argparse.ArgumentParser(prog="python -m tests.decide.mutations", description=__doc__)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    survived = 0
    for mutation in MUTATIONS:
        if given.only in mutation.name or given.only == mutation.by:
            one = tried(mutation)
            survived += not one.caught
            word = "caught" if one.caught else "SURVIVED"
            sys.stdout.write(
                f"| {mutation.name} | {mutation.file} | {mutation.by} | {word}: {one.said} | "
                f"{one.seconds:.0f} s |\n"
            )
            sys.stdout.flush()
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
