"""How diagnostics call values and places of a policy."""

from __future__ import annotations

from compiler.node import Mapping, Node, Scalar, Sequence
from compiler.source import Path

FEW = 12
"""How many words a list shows before it says how many more there are."""


def kind_of(node: Node | None) -> str:
    """Say what form a value has."""
    match node:
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar(value=bool()):
            return "true or false"
        case Scalar(value=int() | float()):
            return "a number"
        case Scalar(value=str()):
            return "a text"
    return "nothing"


def called(path: Path) -> str:
    """Call a value by its key, or by the key of the list that it is in."""
    if path and isinstance(path[-1], str):
        return f"`{short(path[-1])}`"
    keys = [step for step in path if isinstance(step, str)]
    return f"an item of `{short(keys[-1])}`" if keys else "the policy"


def place_called(path: Path) -> str:
    """Call a mapping by its whole path: `models.fast.targets[0]`."""
    shown = ""
    for step in path:
        shown += f"[{step}]" if isinstance(step, int) else f".{short(step)}"
    return f"`{shown.removeprefix('.')}`"


def listing(lead: str, words: list[str], last: str = "and") -> str | None:
    """List words behind ``lead``, or give None where there are none."""
    if not words:
        return None
    shown = [f"`{word}`" for word in words]
    if len(shown) > 1 and len(shown) <= FEW:
        return f"{lead} {', '.join(shown[:-1])} {last} {shown[-1]}"
    more = f" and {len(shown) - FEW} more" if len(shown) > FEW else ""
    return f"{lead} {', '.join(shown[:FEW])}{more}"


def sentence(text: str) -> str:
    """Begin a sentence in small letters, and end it without a full stop."""
    first = text.partition("\n\n")[0].replace("\n", " ").removesuffix(".")
    keep = first[:2].isupper()
    return first if keep else first[:1].lower() + first[1:]


def short(text: str) -> str:
    """Give a text in one line of at most 60 characters."""
    text = text.replace("\n", " ")
    return text if len(text) <= 60 else f"{text[:57]}..."
