"""The page of tests shows what its commands show."""

import re
import shlex

import pytest

from cli.main import main
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "testing.md").read_text()
SHOWN = re.findall(r"^```\n\$ gatewright (.*?)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
OURS = [(line, out) for line, out in SHOWN if "examples/" in line]


@pytest.mark.parametrize(("line", "shown"), OURS, ids=[line.split()[0] for line, _ in OURS])
def test_what_the_page_shows_is_what_comes(line, shown, capsys, monkeypatch):
    """All of its lines, in order; `...` stands for others, and no two runs take the same time."""
    monkeypatch.chdir(REPOSITORY)
    main(shlex.split(line))
    out = timeless(capsys.readouterr().out)
    came = iter(out.splitlines())
    assert all(told == "  ..." or told in came for told in timeless(shown).splitlines()), out


def timeless(text):
    return re.sub(r" in [0-9.]+s", " in a moment", text)
