"""Names of certificates: two tenants never share one, and what they do not share is let be."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.linking.certificates import _claimed, _overlap
from tests.compiler.stages import LISTENER, codes
from xds.identity import stands_for


def told(*globs):
    tenants = ", ".join(f't{n}: {{ certificates: ["{glob}"] }}' for n, glob in enumerate(globs))
    return codes(LISTENER, f"tenants: {{ {tenants} }}")


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("spiffe://corp/acme/*", "spiffe://corp/acme/*", True),
        ("spiffe://corp/*", "spiffe://corp/acme", True),
        ("spiffe://corp/*", "spiffe://corp/acme/a", False),
        ("spiffe://corp/**", "spiffe://corp/acme/*", True),
        ("spiffe://corp/*/a", "spiffe://corp/acme/*", True),
        ("spiffe://corp/acme/*", "spiffe://corp/acme-2/*", False),
        ("spiffe://corp/a*", "spiffe://corp/*b", True),
        ("spiffe://corp/a*", "spiffe://corp/b*", False),
        ("spiffe://corp/*", "spiffe://corp2/*", False),
        ("*.acme.example", "a.acme.example", True),
        ("*.acme.example", "b.a.acme.example", False),
        ("**.acme.example", "b.a.acme.example", True),
        ("*.acme.example", "*.other.example", False),
        ("a.example", "spiffe://a.example", False),
    ],
)
def test_overlaps(one, other, both):
    """Stars stay in their segment, doubled ones do not."""
    assert told(one, other) == (["ambiguous-certificate"] if both else [])
    assert told(other, one) == (["ambiguous-certificate"] if both else [])


def test_one_tenant_may_repeat_itself():
    """Several globs of one tenant are its own matter."""
    text = 'tenants: { a: { certificates: ["spiffe://c/a", "spiffe://c/*", "spiffe://c/a"] } }'
    assert codes(LISTENER, text) == []


paths = st.text(alphabet="ab*/", min_size=1, max_size=6).map("spiffe://c/".__add__)
names = st.text(alphabet="ab/", max_size=6).map("spiffe://c/".__add__)


@given(one=paths, other=paths, name=names)
def test_a_name_of_both_is_an_overlap(one, other, name):
    """What the edge would take for both tenants, the compiler refuses."""
    if stands_for(one, name) and stands_for(other, name):
        assert _overlap(_claimed(one, "a", ()), _claimed(other, "b", ()))


def test_many_tenants_of_one_domain_are_quick():
    """They are not held each against each."""
    globs = [f"spiffe://corp/tenant-{number}/*" for number in range(3000)]
    began = time.process_time()
    assert told(*globs) == []
    assert time.process_time() - began < 5
