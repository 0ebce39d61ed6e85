"""The simulator's own endpoints, `/_simulator/...`: change what a provider does, see what came.

GET    /_simulator                              the providers, their URLs and scenarios
PUT    /_simulator/<provider>/scenario          '"429"', '["429", "ok"]', 'cut:3', ...
GET    /_simulator/<provider>/scenario
DELETE /_simulator/<provider>/scenario          as configured again
GET    /_simulator/requests?provider=&last=     what came, oldest first; DELETE forgets
GET    /_simulator/usage                        what was billed, by provider and model; DELETE
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from simulator.message import Answer, Request, json_answer
from simulator.scenario import OutcomeError, Scenario, parse_scenario

if TYPE_CHECKING:
    from simulator.exchange import Exchange

ROOT: Final = "/_simulator"


def is_control(path: str) -> bool:
    """Whether a path is the simulator's own and no provider's."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def respond(exchange: Exchange, request: Request) -> Answer:
    """Answer one request to the simulator itself."""
    steps = request.path.removeprefix(ROOT).strip("/").split("/")
    match request.method, steps:
        case "GET" | "HEAD", [""]:
            return json_answer(200, _index(exchange))
        case "GET", ["requests"]:
            return _requests(exchange, request.query)
        case "DELETE", ["requests"]:
            exchange.recorder.forget_requests()
            return json_answer(200, {"requests": []})
        case "GET", ["usage"]:
            return json_answer(200, _usage(exchange))
        case "DELETE", ["usage"]:
            exchange.recorder.forget_usage()
            return json_answer(200, {})
        case "GET" | "PUT" | "DELETE", [name, "scenario"]:
            return _scenario(exchange, name, request)
        case _, [""] | ["requests"] | ["usage"] | [_, "scenario"]:
            return _failed(405, f"{request.method} is not for {request.path}")
    return _failed(404, f"nothing at {request.path}; GET {ROOT} shows what there is")


def _index(exchange: Exchange) -> dict[str, Any]:
    return {
        "seed": exchange.config.seed,
        "providers": [
            {
                "name": name,
                "api": provider.api,
                "url": exchange.urls.get(name),
                "scenario": _shown(exchange.scenario(name)),
            }
            for name, (provider, _) in exchange.providers.items()
        ],
        "endpoints": [
            f"PUT {ROOT}/<provider>/scenario",
            f"DELETE {ROOT}/<provider>/scenario",
            f"GET {ROOT}/requests",
            f"GET {ROOT}/usage",
        ],
        "header": "x-simulate: openai=429, claude=cut:3",
    }


def _scenario(exchange: Exchange, name: str, request: Request) -> Answer:
    if name not in exchange.providers:
        return _failed(404, f"no provider {name!r}: {', '.join(exchange.providers)}")
    if request.method == "PUT":
        try:
            exchange.set_scenario(name, parse_scenario(_lenient_json(request.body)))
        except OutcomeError as error:
            return _failed(400, str(error))
    elif request.method == "DELETE":
        exchange.set_scenario(name, None)
    return json_answer(200, _shown(exchange.scenario(name)))


def _lenient_json(body: bytes) -> Any:
    """JSON, or bare words such as `cut:3`: a person at a shell should not fight quotes."""
    text = body.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _shown(scenario: Scenario) -> dict[str, Any]:
    names = [outcome.text for outcome in scenario.outcomes]
    shown: dict[str, Any] = {"outcomes": names}
    if scenario.weights:
        shown = {"weights": dict(zip(names, scenario.weights, strict=True))}
    if scenario.text is not None:
        shown["text"] = scenario.text
    return shown


def _requests(exchange: Exchange, query: str) -> Answer:
    asked = parse_qs(query)
    found = exchange.recorder.requests()
    for provider in asked.get("provider", [])[-1:]:
        found = [record for record in found if record.provider == provider]
    for last in asked.get("last", [])[-1:]:
        if not last.isdecimal():
            return _failed(400, "last: is no number")
        found = found[-int(last) :] if int(last) else []
    return json_answer(200, {"requests": [record.to_json() for record in found]})


def _usage(exchange: Exchange) -> dict[str, Any]:
    return {
        provider: {model: asdict(bill) for model, bill in models.items()}
        for provider, models in exchange.recorder.usage().items()
    }


def _failed(status: int, message: str) -> Answer:
    return json_answer(status, {"error": {"message": message}})
