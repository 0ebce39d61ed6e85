"""Where a JSON object ends is found piece by piece, as a parser would find it in one."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ext_authz.translate.clients.json_extent import JsonExtent

TEXTS = st.text(st.sampled_from('ab"\\\\{}[],:é'), max_size=6)
OBJECTS = st.dictionaries(
    TEXTS,
    st.recursive(
        TEXTS | st.integers(), lambda x: st.lists(x) | st.dictionaries(TEXTS, x), max_leaves=6
    ),
)


@given(OBJECTS, st.booleans(), st.data())
def test_an_object_is_complete_with_its_last_brace_and_no_sooner(value, ascii_only, data):
    text = json.dumps(value, ensure_ascii=ascii_only)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    extent = JsonExtent()
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        if start < len(text):
            assert not extent.complete
        extent.add(text[start:end])
    assert extent.complete
