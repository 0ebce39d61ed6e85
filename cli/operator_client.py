"""Asks the operator's HTTP of a running `serve`, over TCP or a Unix socket."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from cli import exits

if TYPE_CHECKING:
    from xds.bootstrap import Address

DEFAULT: Final = "127.0.0.1:18001"
"""Where commands look for it when they are told nothing."""


class RefusedError(Exception):
    """The control plane would not do it; the text is its own."""


class Operator:
    """A control plane's operator address."""

    def __init__(self, at: Address) -> None:
        self._at = at

    def get(self, path: str) -> dict[str, Any]:
        """Give what is there; raises CannotRunError, and RefusedError for what is not there."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Have a command obeyed; raises CannotRunError, and RefusedError where it is not."""
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        from http.client import HTTPException

        from cli.operator_connection import connection_to
        from xds.operator_http import HEADER

        connection = connection_to(self._at)
        try:
            connection.request(
                method,
                path,
                None if body is None else json.dumps(body),
                {"content-type": "application/json", HEADER: "1"},
            )
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise exits.CannotRunError(
                f"no control plane answers operators on {self._at}: {reason}",
                hint=f"start it with `gatewright serve --operator {self._at}`",
            ) from None
        finally:
            connection.close()
        return _read(answer.status, text, self._at)


def _read(status: int, text: bytes, at: Address) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        # Whatever answers there, it is not ours.
        shown = text[:200].decode("utf-8", "replace").strip()
        raise exits.CannotRunError(f"{at} answered {status}: {shown}")
    if status != HTTPStatus.OK:
        raise RefusedError(str(data.get("error", f"status {status}")))
    return data
