"""The linking stage: every name leads somewhere, and what cannot be is said with both its places.

Parsing has checked each value by itself; here they meet. A part of the gateway that has faults is
left out of what later parts look at, so that one fault is reported once.
"""

from __future__ import annotations

from compiler.diagnostic import Reporter
from compiler.linking.auth import check_keys_exist
from compiler.linking.cooling import check_cool_downs
from compiler.linking.findings import Findings
from compiler.linking.groups import link_groups
from compiler.linking.invariants import link_invariants
from compiler.linking.issuers import check_unused_issuers, link_issuers
from compiler.linking.keys import link_keys
from compiler.linking.limits import link_limits
from compiler.linking.linked import Linked
from compiler.linking.listeners import link_listeners
from compiler.linking.models import link_models
from compiler.linking.names import link_names
from compiler.linking.offered import offered
from compiler.linking.prices import link_prices
from compiler.linking.providers import link_providers
from compiler.linking.redactions import check_unused_redactions, link_redactions
from compiler.linking.rollout import link_rollout
from compiler.linking.routes import link_routes
from compiler.linking.runtime import link_runtime
from compiler.linking.services import link_services
from compiler.linking.tenants import link_tenants, tenant_choices
from compiler.linking.tiers import check_unused_tiers, link_tiers
from compiler.linking.ungrouped import check_ungrouped
from compiler.linking.unused import check_unused
from compiler.parse import Parsed

__all__ = ["Linked", "link"]


def link(parsed: Parsed, reporter: Reporter) -> Linked:
    """Resolve the references of a gateway; faults go to the reporter, and the rest is linked."""
    document = parsed.document
    findings = Findings(reporter, parsed.locate)
    link_listeners(document, findings)
    link_services(document, findings)
    link_providers(document, findings)
    meaning = link_names(document, findings)
    models = link_models(document, meaning, findings)
    link_prices(document, models, findings)
    link_issuers(document, findings)
    lineages = link_tiers(document, findings)
    of_tenants = tenant_choices(document, lineages)
    routes = link_routes(document, meaning, of_tenants, findings)
    link_keys(document, findings)
    tenants = link_tenants(document, lineages, meaning, routes, findings)
    link_limits(document, findings)
    link_redactions(document, findings)
    groups = link_groups(document, routes, findings)
    link_rollout(document, findings)
    link_runtime(document, findings)
    there = offered(document, meaning, routes)
    invariants = link_invariants(document, models, there, of_tenants, findings)
    if not reporter.failed:
        # What is left out because of a fault would look unused.
        check_unused(document, models, routes, findings)
        check_unused_tiers(document, findings)
        check_cool_downs(document, models, findings)
        check_unused_redactions(document, findings)
        check_unused_issuers(document, routes, findings)
        check_keys_exist(document, findings)
        check_ungrouped(document, routes, groups, findings)
    return Linked(
        document, models, routes, parsed.locate, groups, tenants, invariants, parsed.locate_key
    )
