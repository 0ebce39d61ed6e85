"""Policies of a given size, the same text at every call."""

from __future__ import annotations

HEAD = """\
gatewright: v1
name: bench
envoy: "1.40"
listeners:
  public: {{ address: 127.0.0.1, port: {port} }}
"""


def rest_policy(routes: int, *, port: int = 8080, body: str = "v0", upstream: int = 9000) -> str:
    """Write a policy of that many routes over a hundredth as many services (at least one).

    The routes are a mixture: prefixes, exact paths with a method, header conditions, rewrites,
    retries; one more route answers ``/probe`` with ``body``, to see which version is live.
    """
    services = max(1, routes // 100)
    lines = [HEAD.format(port=port), "services:\n"]
    lines += [
        f"  s{n}: {{ endpoints: ['127.0.0.1:{upstream}'], health: {{ path: /healthz }} }}\n"
        for n in range(services)
    ]
    lines.append("routes:\n")
    lines += [_route(n, n % services) for n in range(routes)]
    lines.append(
        f"  - {{ match: {{ path: /probe }}, respond: {{ status: 200, body: '{body}' }} }}\n"
    )
    return "".join(lines)


def _route(n: int, service: int) -> str:
    match n % 4:
        case 0:
            return f"  - {{ match: /area{n}/orders, service: s{service} }}\n"
        case 1:
            match = f"{{ path: /area{n}/exact, method: [GET, HEAD] }}"
            return f"  - {{ match: {match}, service: s{service}, timeout: 5s }}\n"
        case 2:
            match = f"{{ prefix: /area{n}, headers: {{ x-canary: 'yes' }} }}"
            return f"  - {{ match: {match}, service: s{service}, rewrite: {{ prefix: /v2 }} }}\n"
        case _:
            retries = "{ attempts: 2, on: [connect_failure, reset] }"
            return f"  - {{ match: /area{n}, service: s{service}, retries: {retries} }}\n"


def hosts_policy(routes: int, hosts: int, *, edit: int = 0) -> str:
    """Write a policy of that many routes, spread evenly over the hosts; an edit changes one."""
    lines = [HEAD.format(port=8080), "services:\n"]
    lines += [f"  s{n}: {{ endpoints: ['127.0.0.1:9000'] }}\n" for n in range(100)]
    lines.append("routes:\n")
    for n in range(routes):
        host, timeout = f"h{n % hosts}.example.com", 5 + (edit if n == 0 else 0)
        does = f"service: s{n % 100}, timeout: {timeout}s"
        lines.append(f"  - {{ host: {host}, match: /area{n}/orders, {does} }}\n")
    return "".join(lines)


def llm_policy(*, port: int, upstream: int) -> str:
    """Write a policy with one chain of two OpenAI-compatible providers on plain HTTP."""
    return HEAD.format(port=port) + (
        "providers:\n"
        f"  one: {{ api: openai, url: 'http://127.0.0.1:{upstream}/v1', key: env:BENCH_KEY }}\n"
        f"  two: {{ api: openai, url: 'http://127.0.0.1:{upstream}/v1', key: env:BENCH_KEY }}\n"
        "models:\n"
        "  fast:\n"
        "    targets: [one/gpt-4o-mini, two/gpt-4o-mini]\n"
        "    fallback: { on: [rate_limited, overloaded, connect_failure], attempt_timeout: 20s }\n"
        "prices:\n"
        "  one/gpt-4o-mini: { input: 0.15 USD/1M tokens, output: 0.60 USD/1M tokens }\n"
        "routes:\n"
        "  - { match: /v1, serve: llm, auth: none }\n"
    )


def tenants_policy(routes: int, tenants: int, *, edit: int = 0) -> dict[str, str]:
    """Write a folder: routes over services, models, tiers, and a file for every ten tenants.

    Edit 1 changes a tier, a route, a model and a key; edit 2 every route and tenant.
    """
    head = HEAD.format(port=8080) + (
        "providers:\n"
        "  openai: { api: openai, key: env:OPENAI_API_KEY }\n"
        "  claude: { api: anthropic, key: env:ANTHROPIC_API_KEY }\n"
        "models:\n"
    )
    for n in range(20):
        first, second = ("claude", "openai") if edit and n == 0 else ("openai", "claude")
        named = {"openai": "gpt-4o-mini", "claude": "claude-haiku-4-5"}
        targets = f"[{first}/{named[first]}, {second}/{named[second]}]"
        rest = "apis: [chat], choose: order, fallback: { trim: oldest }"
        head += f"  m{n}: {{ targets: {targets}, {rest} }}\n"
    free = "[m0, m1]" if edit else "[m0, m1, m2]"
    head += (
        "tiers:\n"
        f"  free: {{ models: {free}, limits: [20 requests/minute], budget: 5 USD/month }}\n"
        "  pro: { limits: [600 requests/minute, 2M tokens/day], budget: 500 USD/month }\n"
    )
    lines = ["services:\n"]
    lines += [f"  s{n}: {{ endpoints: ['10.0.0.{n % 250}:9000'] }}\n" for n in range(routes // 100)]
    lines.append("routes:\n  - { name: llm, match: /v1, serve: llm, auth: keys }\n")
    for n in range(routes - 1):
        timeout = 6 if edit > 1 or (edit and n == 7) else 5
        does = f"service: s{n % (routes // 100)}, auth: keys, timeout: {timeout}s"
        lines.append(f"  - {{ name: r{n}, match: /area{n}/orders, {does} }}\n")
    files = {"gateway.yaml": head, "routes.yaml": "".join(lines)}
    for start in range(0, tenants, 10):
        text = "tenants:\n"
        for n in range(start, min(start + 10, tenants)):
            tier = "free" if (n % 2) ^ (edit > 1) else "pro"
            key = f"{n + 1_000_000 * (edit > 0 and n == 3):064x}"
            text += f"  t{n}: {{ tier: {tier}, keys: {{ ci: {{ sha256: '{key}' }} }} }}\n"
        files[f"tenants{start}.yaml"] = text
    return files
