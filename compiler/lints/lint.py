"""The stage ``linted``: a plan that is right is looked at for what is probably not meant."""

from __future__ import annotations

from compiler.diagnostic import Reporter
from compiler.linking.findings import Findings
from compiler.linking.linked import Linked
from compiler.lints.closed_routes import check_closed_routes
from compiler.lints.hidden_targets import check_hidden_targets
from compiler.lints.loose_limits import check_loose_limits
from compiler.lints.loose_timeouts import check_loose_timeouts
from compiler.plan import Plan


def lint(linked: Linked, plan: Plan, reporter: Reporter) -> Plan:
    """Report lints; give the plan back as it is."""
    findings = Findings(reporter, linked.locate)
    check_closed_routes(linked, findings)
    check_hidden_targets(linked, findings)
    check_loose_limits(linked, findings)
    check_loose_timeouts(linked, findings)
    return plan
