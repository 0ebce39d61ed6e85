"""Data as YAML that Envoy reads as it was meant.

Envoy's reader takes more words for something else than a text than Python's does: `n` and `y` are
booleans to it, and `5e3` is a number. A node or a header may have any of these for a value.
"""

from __future__ import annotations

import re
from typing import Any, Final

_NOT_A_TEXT: Final = re.compile(
    r"[yYnN]|[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?0[xXoO][0-9a-fA-F]+"
)


def envoy_yaml(data: Any) -> str:
    """Write data as YAML, mappings in their order; texts of several lines are blocks."""
    import yaml

    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    dumper: Any = type("EnvoyDumper", (base,), {})
    dumper.add_representer(str, _text)
    text: str = yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def _text(dumper: Any, value: str) -> Any:
    style = "'" if _NOT_A_TEXT.fullmatch(value) else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)
