"""Where a redirect leads.

Source: `RedirectAction` in envoy/config/route/v3/route_components.proto. What is not written stays
as it was asked for; a port goes with the host unless the scheme makes it senseless.
"""

from __future__ import annotations

from typing import Final

from compiler.decide.paths import Normal
from compiler.decide.rewriting import swapped
from compiler.plan import Match, Redirect

_PORTS: Final = {"http": "80", "https": "443"}


def location(redirect: Redirect, match: Match, path: Normal, authority: str, scheme: str) -> str:
    """Give the Location of a request for ``authority`` over ``scheme``."""
    new_scheme = redirect.scheme or scheme
    if redirect.host is not None:
        host = f"[{redirect.host}]" if ":" in redirect.host else redirect.host
    else:
        host = _own_host(authority, new_scheme, scheme, has_port=redirect.port is not None)
    port = "" if redirect.port is None else f":{redirect.port}"
    return f"{new_scheme}://{host}{port}{_path(redirect, match, path)}"


def _own_host(authority: str, new: str, old: str, *, has_port: bool) -> str:
    """Keep the port that was asked for, unless another is written or it was the old scheme's."""
    name, mark, port = authority.rpartition("]:" if authority.startswith("[") else ":")
    if not mark:
        return authority
    name += mark.removesuffix(":")
    if has_port or (new != old and port == _PORTS[old]):
        return name
    return authority


def _path(redirect: Redirect, match: Match, path: Normal) -> str:
    query = f"?{path.query}" if "?" in path.target and not redirect.strip_query else ""
    if redirect.path is not None:
        return redirect.path if "?" in redirect.path else redirect.path + query
    if redirect.prefix is not None:
        return swapped(match.path, redirect.prefix, path.path) + query
    return path.path + query
