"""The page of invariants tells of every word, and what it shows is taken."""

import re

import pytest
import yaml

from compiler.invariants.invariant import Word
from compiler.schema.invariants import ConditionDocument, InvariantDocument
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "invariants.md").read_text()


def test_the_table_has_every_word():
    """In the order of the vocabulary, which is that of the schema."""
    section = PAGE.partition("## Words")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE) == [word.value for word in Word]
    assert list(ConditionDocument.model_fields) == [word.value for word in Word]


@pytest.mark.parametrize(
    "block", re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
)
def test_what_it_shows_is_taken(block):
    """Each invariant of the page is one."""
    for written in yaml.safe_load(block)["invariants"]:
        InvariantDocument.model_validate(written)
