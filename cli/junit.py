"""Results of policy tests as JUnit XML, as CI systems read it.

Source: the schema of Jenkins' xUnit plugin (junit-10.xsd), and pytest's `xunit2`, which says
`error` where the schema has `errors`: `testsuites` of `testsuite` of `testcase`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

# What XML 1.0 has no way to write.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class JunitCase:
    """One test: ``kind`` is empty where it passed, else `failure`, `error` or `skipped`."""

    name: str
    file: str
    seconds: float
    kind: str = ""
    message: str = ""
    text: str = ""


def junit(suite: str, cases: Sequence[JunitCase], at: str) -> str:
    """Write one suite; ``at`` is when it ran, ISO 8601 without a zone."""
    counts = {kind: sum(case.kind == kind for case in cases) for kind in _COUNTED}
    totals = {
        "tests": str(len(cases)),
        "failures": str(counts["failure"]),
        "errors": str(counts["error"]),
        "time": _seconds(sum(case.seconds for case in cases)),
    }
    root = ET.Element("testsuites", {"name": "gatewright", **totals})
    made = ET.SubElement(root, "testsuite", {"name": _clean(suite), "timestamp": at, **totals})
    made.set("skipped", str(counts["skipped"]))
    for case in cases:
        one = ET.SubElement(
            made,
            "testcase",
            {
                "name": _clean(case.name),
                "classname": _clean(case.file),
                "time": _seconds(case.seconds),
            },
        )
        if case.kind == "skipped":
            ET.SubElement(one, "skipped", {"message": _clean(case.message)})
        elif case.kind:
            told = ET.SubElement(
                one, case.kind, {"message": _clean(case.message), "type": case.kind}
            )
            told.text = _clean(case.text)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


_COUNTED = ("failure", "error", "skipped")


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("?", text)
