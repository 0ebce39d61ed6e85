"""Names of certificates: each is one tenant's, however the globs are written."""

from __future__ import annotations

from typing import NamedTuple

from compiler.linking.findings import Findings
from compiler.schema import GatewayDocument
from compiler.source import Path

_STAR = "*"
_STARS = "**"


class _Claimed(NamedTuple):
    """A glob of a tenant; ``key`` is what it begins with, or of a DNS name what it ends with."""

    key: str
    tokens: tuple[str, ...]
    separator: str
    glob: str
    tenant: str
    path: Path


def check_certificates(document: GatewayDocument, findings: Findings) -> None:
    """Refuse globs of two tenants that stand for one name."""
    claimed = sorted(
        _claimed(glob, name, ("tenants", name, "certificates", place))
        for name, tenant in document.tenants.items()
        for place, glob in enumerate(tenant.certificates)
    )
    # Two can only overlap where what one begins with begins what the other does. In this order
    # those are the ones that are still open.
    opened: list[_Claimed] = []
    for one in claimed:
        while opened and not one.key.startswith(opened[-1].key):
            opened.pop()
        for other in opened:
            if other.tenant != one.tenant and _overlap(other, one):
                first, second = sorted((other, one), key=lambda claim: claim.tenant)
                _report(first, second, findings)
                break
        opened.append(one)


def _claimed(glob: str, tenant: str, path: Path) -> _Claimed:
    if "://" in glob:
        return _Claimed(f"/{_head(glob)}", _tokens(glob), "/", glob, tenant, path)
    # The ends of DNS names are written out, so they are read from there.
    back = glob[::-1]
    return _Claimed(f".{_head(back)}", _tokens(back), ".", glob, tenant, path)


def _head(glob: str) -> str:
    return glob.partition(_STAR)[0]


def _tokens(glob: str) -> tuple[str, ...]:
    """Take a glob apart: characters, and stars of one segment or of any number of them."""
    tokens: list[str] = []
    for letter in glob:
        if letter == _STAR and tokens and tokens[-1] in (_STAR, _STARS):
            tokens[-1] = _STARS
        else:
            tokens.append(letter)
    return tuple(tokens)


def _overlap(one: _Claimed, other: _Claimed) -> bool:
    """Tell whether some name is of both: walk both globs at once, by all ways that there are."""
    a, b, separator = one.tokens, other.tokens, one.separator
    if separator != other.separator:
        return False
    waiting = [(0, 0)]
    seen = {(0, 0)}
    while waiting:
        at, by = waiting.pop()
        if at == len(a) and by == len(b):
            return True
        for step in _steps(a[at : at + 1], b[by : by + 1], separator):
            place = (at + step[0], by + step[1])
            if place not in seen:
                seen.add(place)
                waiting.append(place)
    return False


def _steps(a: tuple[str, ...], b: tuple[str, ...], separator: str) -> list[tuple[int, int]]:
    """Give the ways on: a star may end, or take the character that the other side has."""
    steps: list[tuple[int, int]] = []
    star_a, star_b = a[:1] in ((_STAR,), (_STARS,)), b[:1] in ((_STAR,), (_STARS,))
    if star_a:
        steps.append((1, 0))
    if star_b:
        steps.append((0, 1))
    if star_a and b and not star_b and (a[0] == _STARS or b[0] != separator):
        steps.append((0, 1))
    if star_b and a and not star_a and (b[0] == _STARS or a[0] != separator):
        steps.append((1, 0))
    if a and b and not star_a and not star_b and a[0] == b[0]:
        steps.append((1, 1))
    return steps


def _report(first: _Claimed, second: _Claimed, findings: Findings) -> None:
    findings.error(
        "ambiguous-certificate",
        f"a certificate can be of tenant `{first.tenant}` and of tenant `{second.tenant}`",
        second.path,
        f"`{second.glob}`" if first.glob == second.glob else "and here",
        labels=[(first.path, f"of tenant `{first.tenant}`")],
        hint="write names that are one tenant's alone",
    )
