"""Lower the runtime: one layer of keys, which Envoy asks for by RTDS."""

from __future__ import annotations

from typing import Any

from compiler.plan_fleet import Runtime, RuntimeShare, RuntimeValue
from xds.runtime_layer import RUNTIME_LAYER
from xds.schema import envoy

runtime_v3 = envoy.service.runtime.v3

_DENOMINATORS = (("HUNDRED", 10_000), ("TEN_THOUSAND", 100), ("MILLION", 1))
"""Envoy's names of them, and the millionths that one part of each is."""


def lower_runtime(runtime: Runtime) -> runtime_v3.Runtime:
    """Make the layer; a share becomes what a FractionalPercent is in JSON."""
    layer = runtime_v3.Runtime(name=RUNTIME_LAYER)
    layer.layer.update({key: _lowered(value) for key, value in runtime.values})
    return layer


def _lowered(value: RuntimeValue) -> Any:
    if not isinstance(value, RuntimeShare):
        return value
    name, part = next(one for one in _DENOMINATORS if value.millionths % one[1] == 0)
    return {"numerator": value.millionths // part, "denominator": name}
