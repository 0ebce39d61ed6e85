"""The stage that holds a plan against the invariants of its policy."""

from __future__ import annotations

from compiler.diagnostic import Reporter
from compiler.invariants.search import search, terrain_of
from compiler.linking.linked import Linked
from compiler.plan import Plan


def check_invariants(linked: Linked, plan: Plan, reporter: Reporter) -> Plan:
    """Give the plan as it is; each invariant that some path violates is reported, once."""
    if not linked.invariants:
        return plan
    terrain = terrain_of(plan)
    for invariant in linked.invariants:
        violation = search(invariant, terrain)
        if violation is not None:
            from compiler.invariants.told import told  # and with it `decide`, which few need

            reporter.add(told(violation, plan, linked.locate(("ledger",))))
    return plan
