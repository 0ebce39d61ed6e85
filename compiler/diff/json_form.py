"""A review for programs.

One object, whose form only ever gains keys as long as ``version`` is 1::

    {
      "version": 1,
      "before": "git:main", "after": "policies",      # as they were named
      "same": false,                                  # true: every list below is empty
      "summary": {"danger": 1, "loss": 0, "gain": 2, "neutral": 1},
      "changes": [
        {
          "area": "redaction",                        # a word of `compiler.diff.change.Area`
          "severity": "danger",                       # or "loss", "gain", "neutral"
          "subject": "provider `openai`",
          "message": "...",                           # stands behind the subject
          "before": "...", "after": "...",            # in words; null where there is none
          "touches": {"tenants": ["acme"], "models": null, "routes": []},  # null: any
          "before_at": [{"file": "gateway.yaml", "line": 14, "column": 15}],
          "after_at": [...]
        }
      ],
      "connections": [{"effect": "drains", "name": "public", "message": "..."}],
      "radius": {
        "tenants": [...], "models": [...], "routes": [...],                # that are touched
        "of": {"tenants": 12, "models": 3, "routes": 40},
        "requests": {"recorded": 1000, "touched": 120}                     # null without usage
      },
      "cost": {                                                            # null without usage
        "unit": "nano-USD",
        "total": {"requests": 1000, "recorded": 1, "before": 1, "after": 2, "refused": 0,
                  "unpriced": 0},
        "groups": [{"tenant": "acme", "model": "fast", ...}]               # those that differ
      },
      "resources": [
        {
          "type": "envoy.config.cluster.v3.Cluster", "name": "service/orders",
          "fate": "changed",                                               # "added", "removed"
          "fields": [{"path": "connect_timeout", "before": "5s", "after": "10s"}],
          "before_at": {...}, "after_at": null
        }
      ]
    }
"""

from __future__ import annotations

import json
from typing import Any

from compiler.diff.change import Change, Reach, Severity
from compiler.diff.radius import Radius
from compiler.diff.resources import ResourceChange
from compiler.diff.review import Review
from compiler.diff.spending import Spending, Spent
from compiler.render.mask import mask_data
from compiler.source import Span


def render_json(review: Review) -> str:
    """Give a review as one JSON object in ASCII."""
    return json.dumps(mask_data(json_form(review)), indent=2) + "\n"


def json_form(review: Review) -> dict[str, Any]:
    """Give a review as plain data."""
    return {
        "version": 1,
        "before": review.before,
        "after": review.after,
        "same": review.same,
        "summary": {str(one): len(review.changes.of(one)) for one in Severity},
        "changes": [_change(one) for one in review.changes.entries],
        "connections": [
            {"effect": str(one.effect), "name": one.name, "message": one.words}
            for one in review.connections
        ],
        "radius": _radius(review.radius),
        "cost": None if review.spending is None else _spending(review.spending),
        "resources": [_resource(one) for one in review.resources],
    }


def _change(one: Change) -> dict[str, Any]:
    return {
        "area": str(one.area),
        "severity": str(one.severity),
        "subject": one.subject,
        "message": one.message,
        "before": one.before,
        "after": one.after,
        "touches": _reach(one.reach),
        "before_at": [_place(span) for span in one.before_at],
        "after_at": [_place(span) for span in one.after_at],
    }


def _reach(reach: Reach) -> dict[str, list[str] | None]:
    sets = {"tenants": reach.tenants, "models": reach.models, "routes": reach.routes}
    return {name: None if one is None else sorted(one) for name, one in sets.items()}


def _radius(radius: Radius) -> dict[str, Any]:
    traffic = radius.traffic
    return {
        "tenants": list(radius.tenants),
        "models": list(radius.models),
        "routes": list(radius.routes),
        "of": {
            "tenants": radius.all_tenants,
            "models": radius.all_models,
            "routes": radius.all_routes,
        },
        "requests": None
        if traffic is None
        else {"recorded": traffic.requests, "touched": traffic.touched},
    }


def _spending(spending: Spending) -> dict[str, Any]:
    return {
        "unit": "nano-USD",
        "total": _sums(spending.total),
        "groups": [
            {"tenant": one.tenant, "model": one.model, **_sums(one)} for one in spending.groups
        ],
    }


def _sums(one: Spent) -> dict[str, int]:
    return {
        "requests": one.requests,
        "recorded": one.recorded,
        "before": one.before,
        "after": one.after,
        "refused": one.refused,
        "unpriced": one.unpriced,
    }


def _resource(one: ResourceChange) -> dict[str, Any]:
    return {
        "type": one.type_url.rpartition("/")[2],
        "name": one.name,
        "fate": str(one.fate),
        "fields": [
            {"path": field.path, "before": field.before, "after": field.after}
            for field in one.fields
        ],
        "before_at": None if one.before_at is None else _place(one.before_at),
        "after_at": None if one.after_at is None else _place(one.after_at),
    }


def _place(span: Span) -> dict[str, Any]:
    return {"file": span.file, "line": span.line, "column": span.column}
