"""What a tenant has in the end, where that comes from, and what it overrides."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cli import exits
from cli.policy import existing, show


def explain_tenant(name: str, policy: Path, *, as_json: bool) -> int:
    """Explain; exit code 1 where the policy has errors, or there is no such tenant."""
    from datetime import UTC, datetime

    from cli.tenant_shown import described, table
    from compiler.diagnostic import did_you_mean
    from compiler.pipeline import compile_path

    compiled = compile_path(existing(policy), until="plan")
    if not compiled.ok:
        show(compiled, "text")
        return exits.POLICY
    tenants = {tenant.name: tenant for tenant in compiled.plan.tenants}
    tenant = tenants.get(name)
    if tenant is None:
        print(f"gatewright explain: there is no tenant `{name}`", file=sys.stderr)
        close = did_you_mean(name, tenants)
        if close is not None:
            print(f"  = help: did you mean `{close}`?", file=sys.stderr)
        return exits.POLICY
    shown = described(tenant, datetime.now(UTC))
    print(json.dumps(shown, indent=2, ensure_ascii=False) if as_json else table(shown))
    return exits.OK
