"""Keys: what they look like, and that they are as random as they say."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from cli import key_text
from cli.key_text import digest_of, is_key, keys_in, new_key


def test_a_key_is_192_random_bits(monkeypatch):
    """All of what `secrets` gives, and no more: the checksum follows from it."""
    asked = []

    def token(count):
        asked.append(count)
        return bytes(count - 1) + b"\x01"

    monkeypatch.setattr(key_text.secrets, "token_bytes", token)
    assert new_key().startswith("gw_" + "0" * 32 + "1")
    assert asked == [24]


@given(st.binary(min_size=24, max_size=24), st.binary(min_size=24, max_size=24))
def test_two_draws_give_two_keys(one, other):
    """Nothing of the randomness is lost."""
    written = (
        key_text._written(int.from_bytes(one), 33),
        key_text._written(int.from_bytes(other), 33),
    )
    assert all(len(text) == 33 for text in written)
    assert (written[0] == written[1]) == (one == other)


def test_keys_differ_and_look_alike():
    """Letters and digits behind `gw_`, and no two the same."""
    made = {new_key() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(re.fullmatch(r"gw_[0-9A-Za-z]{39}", key) and is_key(key) for key in made)


@given(st.integers(3, 41), st.sampled_from("0Aa9Zz"))
def test_a_typing_error_is_noticed(at, letter):
    """One letter that is another one, or one that is missing."""
    key = new_key()
    wrong = key[:at] + letter + key[at + 1 :]
    assert is_key(wrong) == (wrong == key)
    assert not is_key(key[:at] + key[at + 1 :])


def test_keys_are_found_in_a_text():
    """And what only looks like one is not."""
    key = new_key()
    other = key[:-1] + ("a" if key[-1] != "a" else "b")
    assert list(keys_in(f"authorization: Bearer {key}, {other} gw_short")) == [key]


def test_a_digest_is_the_sha256_of_the_text():
    """As anybody can make it: `printf %s KEY | sha256sum`."""
    assert digest_of("test") == "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
