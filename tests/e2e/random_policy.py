"""A policy that changes at random, each time a little, and always answers the steady requests.

    edits = RandomPolicy(seed, folder, upstreams)
    edits.edit()            # what was changed, in words; the files below `folder` are changed
    edits.path              # the policy

Whatever is changed, ``/steady`` of listener `public` goes to a living upstream.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

from tests.e2e.certificates import self_signed
from tests.ports import free_port

_MOST = 8


class RandomPolicy:
    """The policy as it is now; ``upstreams`` are ports that answer 200 to everything."""

    def __init__(self, seed: int, folder: Path, upstreams: tuple[int, ...]) -> None:
        self.path = folder / "gateway.yaml"
        self.certificate = b""
        """The chain that listener `secure` is to show, as PEM."""
        self.done: list[str] = []
        """All edits so far."""
        self._random = random.Random(seed)
        self._folder = folder
        self._upstreams = upstreams
        self._count = 0
        self._listeners = {"public": free_port(), "secure": free_port()}
        self._limits = {"public": 16, "secure": 16}
        self._services: dict[str, list[int]] = {"first": [upstreams[0]]}
        self._timeouts = {"first": 1}
        self._in_files: set[str] = set()
        self._steady = "first"
        # A route: its path, its service (or "": it answers by itself), and a timeout in seconds.
        self._routes: list[tuple[str, str, int]] = []
        (folder / "endpoints").mkdir()
        self._rotate()
        self._write()

    def edit(self) -> str:
        """Change one thing; give it in words."""
        kinds = [
            self._add_service, self._remove_service, self._move_endpoints, self._change_service,
            self._repoint, self._replace, self._add_route, self._change_route, self._move_route,
            self._remove_route, self._add_listener, self._remove_listener, self._change_listener,
            self._rotate,
        ]  # fmt: skip
        while not (told := self._random.choice(kinds)()):
            pass
        self._write()
        self.done.append(told)
        return told

    def poison(self, port: int | None) -> None:
        """Add a listener `poison` on a port, which is taken; or take it away again."""
        if port is None:
            del self._listeners["poison"], self._limits["poison"]
        else:
            self._listeners["poison"], self._limits["poison"] = port, 16
        self._write()

    def _new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"

    def _add_service(self) -> str:
        if len(self._services) >= _MOST:
            return ""
        name = self._new("s")
        self._services[name] = self._some_ports()
        self._timeouts[name] = 1
        if self._random.random() < 0.4:
            self._in_files.add(name)
        self._routes.insert(0, (f"/{name}", name, 5))
        return f"add service {name}"

    def _remove_service(self) -> str:
        names = [name for name in self._services if name != self._steady]
        if not names:
            return ""
        name = self._random.choice(names)
        del self._services[name], self._timeouts[name]
        self._in_files.discard(name)
        self._routes = [route for route in self._routes if route[1] != name]
        return f"remove service {name}"

    def _move_endpoints(self) -> str:
        name = self._random.choice(list(self._services))
        self._services[name] = self._some_ports()
        return f"move endpoints of {name}"

    def _change_service(self) -> str:
        name = self._random.choice(list(self._services))
        self._timeouts[name] += 1
        return f"change service {name}"

    def _repoint(self) -> str:
        self._steady = self._random.choice(list(self._services))
        return f"the steady requests go to {self._steady}"

    def _replace(self) -> str:
        """A service takes another name, and what goes to it goes there: one step."""
        old, new = self._random.choice([*self._services, *[self._steady] * 4]), self._new("s")
        self._services[new] = self._services.pop(old)
        self._timeouts[new] = self._timeouts.pop(old)
        if old in self._in_files:
            self._in_files = {*self._in_files - {old}, new}
        self._routes = [(at, new if to == old else to, wait) for at, to, wait in self._routes]
        if self._steady == old:
            self._steady = new
        return f"rename service {old} to {new}"

    def _add_route(self) -> str:
        if len(self._routes) >= 3 * _MOST:
            return ""
        name = self._new("r")
        self._routes.append((f"/{name}", self._random.choice(["", *self._services]), 5))
        return f"add route {name}"

    def _change_route(self) -> str:
        if not self._routes:
            return ""
        at = self._random.randrange(len(self._routes))
        path, service, wait = self._routes[at]
        self._routes[at] = (path, service, wait + 1) if service else (path, self._steady, wait)
        return f"change route {path}"

    def _move_route(self) -> str:
        if len(self._routes) < 2:
            return ""
        self._random.shuffle(self._routes)
        return "move routes"

    def _remove_route(self) -> str:
        if not self._routes:
            return ""
        path, _, _ = self._routes.pop(self._random.randrange(len(self._routes)))
        return f"remove route {path}"

    def _add_listener(self) -> str:
        if len(self._listeners) >= _MOST // 2:
            return ""
        name = self._new("l")
        self._listeners[name], self._limits[name] = free_port(), 16
        return f"add listener {name}"

    def _remove_listener(self) -> str:
        names = self._listeners.keys() - {"public", "secure", "poison"}
        if not names:
            return ""
        name = self._random.choice(sorted(names))
        del self._listeners[name], self._limits[name]
        return f"remove listener {name}"

    def _change_listener(self) -> str:
        name = self._random.choice(sorted(self._listeners.keys() - {"poison"}))
        self._limits[name] = 16 + (self._limits[name] - 15) % 48
        return f"change listener {name}"

    def _rotate(self) -> str:
        self.certificate, _ = self_signed(self._folder, "tls")
        return "rotate the certificate"

    def _some_ports(self) -> list[int]:
        return self._random.sample(self._upstreams, self._random.randint(1, len(self._upstreams)))

    def _write(self) -> None:
        for name in self._in_files:
            listed = "".join(f"- 127.0.0.1:{port}\n" for port in self._services[name])
            _replace(self._folder / "endpoints" / f"{name}.yaml", listed)
        _replace(self.path, self._text())

    def _text(self) -> str:
        lines = ["gatewright: v1", "name: edited", "listeners:"]
        for name, bound in self._listeners.items():
            tls = ", tls: { certificate: file:tls.pem, key: file:tls.key }"
            lines.append(
                f"  {name}: {{ address: 127.0.0.1, port: {bound}, headers_limit: "
                f"{self._limits[name]} KiB{tls if name == 'secure' else ''} }}"
            )
        lines.append("services:")
        for name, ports in self._services.items():
            listed = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
            at = f"{{ file: endpoints/{name}.yaml }}" if name in self._in_files else f"[{listed}]"
            opens = f"connect_timeout: {self._timeouts[name]}s"
            lines.append(f"  {name}: {{ endpoints: {at}, {opens} }}")
        lines.append("routes:")
        for path, service, wait in self._routes:
            does = (
                f"service: {service}, timeout: {wait}s"
                if service
                else "respond: { status: 200, body: here }"
            )
            lines.append(f"  - {{ match: {path}, {does} }}")
        lines.append(f"  - {{ match: /steady, service: {self._steady} }}")
        return "\n".join(lines) + "\n"


def _replace(path: Path, text: str) -> None:
    """Write as editors do: nobody reads half a file."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)  # noqa: PTH105 - the call whose atomicity is meant
