"""docs/lints.md: every warning, from the registry, with an example from tests/diagnostics."""

from __future__ import annotations

from functools import cache
from typing import Final

from compiler.lints.registry import LINTS, Lint
from tests.diagnostics.cases import cases_of, topics

HEADER: Final = """\
<!-- Written by `make docs` from compiler/lints/registry.py and tests/diagnostics. -->

# Lints

`gatewright check` warns of what is allowed and probably not meant. Warnings change no exit code,
unless `--strict` is given. `gatewright check --fix` mends what can be mended without changing what
the gateway does, in the text and with its comments, and prints what it did.

A warning that is meant is allowed where it stands, with a reason:

```yaml
models:
  fast:
    targets:
      # gatewright: allow hidden-target -- drains until May
      - { to: openai/gpt-4o-mini, weight: 0 }
      - { to: azure/gpt-4o-mini, weight: 1 }
```

The comment stands behind the line that the warning points at, or above it. Several codes are parted
by commas. Without a reason, or with a code that is none, it is an error; where nothing is to be
allowed (any more), a warning. Errors cannot be allowed.

"""


def render() -> str:
    """The page's text."""
    parts = [HEADER, "| code | `--fix` |\n|---|---|\n"]
    parts += [f"| [`{one.code}`](#{one.code}) | {'yes' if one.fix else ''} |\n" for one in LINTS]
    for one in LINTS:
        parts.append(f"\n## `{one.code}`\n\n{one.why} {_instead(one)}\n")
        example = _examples().get(one.code)
        if example is not None:
            parts.append(f"\n```text\n{example}\n```\n")
    return "".join(parts)


def _instead(lint: Lint) -> str:
    fix = " `check --fix` does it." if lint.fix else ""
    return f"*Instead:* {lint.instead[0].lower()}{lint.instead[1:]}{fix}"


@cache
def _examples() -> dict[str, str]:
    """The first rendered warning of each code, as the tests hold it."""
    found: dict[str, str] = {}
    for topic in topics():
        for case in cases_of(topic):
            for block in (case.expected or "").split("\n\n"):
                if block.startswith("warning["):
                    found.setdefault(block[8 : block.index("]")], block.strip("\n"))
    return found
