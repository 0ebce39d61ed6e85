"""docs/commands.md: every command with its arguments, from the argparse parsers themselves.

argparse's own formatting is not used: it changes with the terminal's width and Python's version.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from cli.main import parser

HEADER = """\
<!-- Written by `make docs` from the commands' own --help. Edit the command, not this page. -->

# Commands

"""


def render() -> str:
    """The page's text."""
    root = parser()
    parts = [HEADER, f"{root.description}\n\n"]
    for command, described in _subcommands(root):
        parts.extend(_command(f"gatewright {command}", described))
    parts.append("## Exit codes\n\n```\n")
    parts.append((root.epilog or "").partition("exit codes:\n")[2])
    parts.append("```\n")
    return "".join(parts)


def _subcommands(
    parent: argparse.ArgumentParser,
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parent._actions:  # noqa: SLF001 - argparse has no public way to list them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            yield from action.choices.items()


def _command(name: str, command: argparse.ArgumentParser, heading: str = "##") -> Iterator[str]:
    yield f"{heading} `{name}`\n\n{(command.description or '').strip()}\n\n"
    actions = [
        action
        for action in command._actions  # noqa: SLF001
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)  # noqa: SLF001
        and action.help is not argparse.SUPPRESS
    ]
    if actions:
        yield "| argument | meaning |\n|---|---|\n"
        for action in actions:
            yield f"| {_spelling(action)} | {_meaning(action)} |\n"
        yield "\n"
    if command.epilog:
        yield f"```\n{command.epilog.strip()}\n```\n\n"
    for word, described in _subcommands(command):
        yield from _command(f"{name} {word}", described, f"{heading}#")


def _spelling(action: argparse.Action) -> str:
    value = action.metavar or action.dest.upper()
    shown = value if isinstance(value, str) else " ".join(value)
    if action.choices is not None:
        shown = ",".join(str(choice) for choice in action.choices)
        shown = "{" + shown + "}"
    if not action.option_strings:
        return f"`{shown}`"
    with_value = "" if action.nargs == 0 else f" {shown}"
    return ", ".join(f"`{option}{with_value}`" for option in action.option_strings)


def _meaning(action: argparse.Action) -> str:
    # The help may use %(default)s and its kin; the pipe would end the table's cell.
    text = (action.help or "") % {**vars(action), "prog": "gatewright"}
    return " ".join(text.split()).replace("|", "\\|")
