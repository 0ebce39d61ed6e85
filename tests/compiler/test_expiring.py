"""What has ended, or ends soon, is told by who has a clock; the compiler itself has none."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from compiler.expiring import SOON, expiring
from tests.compiler.stages import FAST, LISTENER, LLM, OPENAI, plan_of

END = datetime(2027, 3, 1, tzinfo=UTC)
ONE, TWO = (sha256(text).hexdigest() for text in (b"1", b"2"))


def plan(text):
    return plan_of(LISTENER, OPENAI, FAST, LLM, f"tenants: {{ acme: {{ {text} }} }}")


KEY = f"keys: {{ ci: {{ sha256: {ONE}, expires: 2027-03-01 }} }}"
TEAM = f"teams: {{ t: {{ {KEY} }} }}"
GRANT = "grants: [{ model: fast, approved_by: ana, until: 2027-03-01 }]"


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [(KEY, "key", "`acme/ci`"), (TEAM, "key", "`acme/t/ci`"), (GRANT, "grant", "`fast`")],
)
def test_ends(text, kind, name):
    """From two weeks before, and from the end on."""
    told = plan(text)
    tick = timedelta(seconds=1)
    assert expiring(told, END - SOON - tick) == ()
    (soon,) = expiring(told, END - SOON)
    assert soon.code == f"expiring-{kind}"
    assert name in soon.message
    assert "in 14 days" in soon.message
    assert expiring(told, END - tick)[0].code == f"expiring-{kind}"
    (over,) = expiring(told, END)
    assert (over.code, over.severity.value) == (f"expired-{kind}", "warning")
    assert "2027-03-01" in over.message
    assert over.span is not None
    assert over.hint


def test_what_does_not_end():
    """Keys without an end, revoked ones, pending grants, and the old key of a rotation."""
    told = plan(
        f"keys: {{ a: {ONE}, b: {{ sha256: {TWO}, previous: {{ sha256: {'ab' * 32}, "
        f"until: 2027-03-01 }} }}, c: {{ sha256: {'cd' * 32}, expires: 2027-03-01, "
        "revoked: 2027-01-01 } }, grants: [{ model: fast, until: 2027-03-01 }]"
    )
    assert expiring(told, END + timedelta(days=400)) == ()
