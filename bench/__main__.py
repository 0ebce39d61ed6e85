"""`python -m bench [NAME...]`: run all measurements, or those named."""

from __future__ import annotations

import importlib
import sys

NAMES = (
    "compile_speed",
    "diff_speed",
    "explain_speed",
    "invariants_speed",
    "save_to_live",
    "native_lane_cpu",
    "one_route",
    "push_to_acked",
    "fleet_of_routes",
    "counters_cpu",
    "authz_cpu",
    "process_cpu",
    "large_bodies",
    "translate_cpu",
    "redact_cpu",
    "key_table",
    "revocation",
)


def main(names: list[str]) -> int:
    """Run each measurement's ``main`` in turn."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"no measurement {', '.join(unknown)}; there are {', '.join(NAMES)}")
        return 2
    for name in names or NAMES:
        importlib.import_module(f"bench.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
