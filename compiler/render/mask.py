"""Keep secrets out of what is shown: a policy that wrongly holds a key must not leak it to a log.

Masks have the length of what they hide, so that carets stay below what they mean.
"""

from __future__ import annotations

import re
from typing import Any

# Repetitions that may fail after they matched are bounded: lines are as long as people make them.
_CREDENTIALS = re.compile(
    r"""
    \bsk-[\w-]{6,}                                  # OpenAI, Anthropic and many others
    | \b(?:AKIA|ASIA)[A-Z0-9]{8,}                   # AWS access keys
    | \bgw_[\w-]{8,}                                # Gatewright's own
    | \bAIza[\w-]{10,}                              # Google
    | \b(?:gh[pousr]|github_pat|hf|gsk|r8|glpat|xai|pplx|nvapi|tgp_v1)[_-][\w-]{8,}
    | \bxox[abeoprs]-[\w-]{8,}                      # Slack
    | \beyJ[\w-]{8,}\.[\w.-]+                       # JSON web tokens
    | (?<=[Bb]earer[ ])[^\s"'`,}]+
    | (?<=[Bb]asic[ ])[A-Za-z0-9+/=]{8,}
    | (?:(?<=[?&_-]key=)|(?<=[?&_-]token=)|(?<=[?&]apikey=)|(?<=[?&_-]secret=))[^\s&"'`]+
    | (?<=://)[^\s/@"'`:]{0,256}:[^\s/@"'`]{1,256}(?=@)  # user and password in a URL
    # Long, with small letters, capitals and digits: most likely random.
    | \b(?=[A-Za-z0-9+/]{0,32}[a-z])(?=[A-Za-z0-9+/]{0,32}[A-Z])(?=[A-Za-z0-9+/]{0,32}[0-9])
      [A-Za-z0-9+/]{32,}=*
    | \b(?<!sha256:[ ])(?<!sha256:[ ]")[0-9a-fA-F]{32,}\b
    """,
    re.VERBOSE,
)

_SECRET_KEY = re.compile(
    r"""(?ix)
    (?<![\w-])["']?
    (?:(?:[\w-]*[_-])?(?:key|token|secret|password|passwd|passphrase|credentials?)|authorization)
    ["']?\s*:\s+
    """
)
_REFERENCE = re.compile(r"""["']?(?:env|file|system):|[\[{|>&*\#]""")
_FLOW_END = re.compile(r"\s*[,}\]]")


def mask(text: str) -> str:
    """Hide what looks like a credential, whatever stands around it."""
    return _CREDENTIALS.sub(_stars, text)


def is_secret_key(name: str) -> bool:
    """Tell whether the value of a key of that name is hidden, as `mask_line` does on one line."""
    return _SECRET_KEY.fullmatch(f"{name}: ") is not None


def mask_data(value: Any) -> Any:
    """Hide credentials in all texts of plain data, as JSON has it.

    A mapping of `key` and `value` is a header, as Envoy writes them, and one of `name` and
    `string_match` a condition on one.
    """
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        match value:
            case {"key": str(name), "value": str(text)}:
                value = {**value, "value": mask_header(name, text)}
            case {"name": str(name), "string_match": held} if is_secret_key(name):
                value = {**value, "string_match": _hidden(held)}
        return {key: mask_data(one) for key, one in value.items()}
    if isinstance(value, list):
        return [mask_data(one) for one in value]
    return value


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _hidden(one) for key, one in value.items()}
    return "*" * len(value) if isinstance(value, str) else value


def mask_header(name: str, value: str) -> str:
    """Hide credentials in a header's value, and all of it where its name says that it is one."""
    start = f"{name}: "
    return mask_line(start + value)[len(start) :]


def mask_line(line: str) -> str:
    """Hide credentials in a line of a policy, and whatever is the value of a key such as ``key:``.

    References (``env:NAME``, ``file:PATH``) are what should stand there, and are kept.
    """
    parts: list[str] = []
    done = depth = counted = 0
    for found in _SECRET_KEY.finditer(line):
        start = found.end()
        if start < done or start == len(line) or _REFERENCE.match(line, start):
            continue
        depth += sum(line.count(sign, counted, start) for sign in "{[")
        depth -= sum(line.count(sign, counted, start) for sign in "}]")
        counted = start
        end = _value_end(line, start, in_flow=depth > 0)
        parts += (line[done:start], "*" * (end - start))
        done = end
    return mask("".join(parts) + line[done:])


def _value_end(line: str, start: int, *, in_flow: bool) -> int:
    """Give where a value ends: at its quote, in a flow mapping at a comma, else with the line."""
    quote = line[start]
    if quote in "\"'":
        end = line.find(quote, start + 1)
        return len(line) if end < 0 else end + 1
    if in_flow:
        found = _FLOW_END.search(line, start)
        return found.start() if found else len(line)
    return len(line)


def _stars(found: re.Match[str]) -> str:
    return "*" * len(found[0])
