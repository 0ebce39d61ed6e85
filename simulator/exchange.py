"""From a request to an answer: which provider, which outcome, and what is recorded of it."""

from __future__ import annotations

from dataclasses import replace

from simulator import content, control, faults
from simulator.config import Config, Provider
from simulator.formats.base import Call, Format
from simulator.formats.registry import format_of
from simulator.message import Answer, Request, json_answer
from simulator.recorder import Recorded, Recorder
from simulator.scenario import OK, Outcome, OutcomeError, Scenario, parse_header

_REMEMBERED = 256
_REMEMBERED_BYTES = 256 << 10


class Exchange:
    """All that the simulator knows between requests: scenarios, counts and the recorder.

    It never touches a socket: `open` takes the head of a request, `answer` the whole of it, and
    the connections play what `answer` returns.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.providers: dict[str, tuple[Provider, Format]] = {
            provider.name: (provider, format_of(provider.api)) for provider in config.providers
        }
        self.recorder = Recorder(config.record, config.record_bytes)
        self.urls: dict[str, str] = {}
        self._scenarios = {provider.name: provider.scenario for provider in config.providers}
        self._counts = dict.fromkeys(self.providers, 0)
        self._answers: dict[tuple[bytes, str, bytes | None], Answer] = {}

    def add(self, provider: Provider) -> None:
        """Serve one more provider on the shared port.

        One that is there already goes on as it is, and speaks the API that is said now.
        """
        there = self.providers.get(provider.name)
        if there is None:
            self._scenarios[provider.name] = provider.scenario
            self._counts[provider.name] = 0
            self.providers[provider.name] = (provider, format_of(provider.api))
        elif there[0].api != provider.api:
            changed = replace(there[0], api=provider.api)
            self.providers[provider.name] = (changed, format_of(provider.api))
            self._answers.clear()

    def scenario(self, provider: str) -> Scenario:
        """What a provider does at present; KeyError when there is no such provider."""
        return self._scenarios[provider]

    def set_scenario(self, provider: str, scenario: Scenario | None) -> None:
        """Change what a provider does, from its next request on; None: as configured again."""
        configured = self.providers[provider][0].scenario
        self._scenarios[provider] = configured if scenario is None else scenario
        self._counts[provider] = 0

    def open(self, head: Request, bound: str | None, connection: int) -> Recorded | None:
        """Begin the record of a request; None for the simulator's own endpoints.

        `bound` is the provider whose own port the request came to, or None on the shared port.
        """
        path = head.path
        if (path in ("/", "/favicon.ico") and bound is None) or control.is_control(path):
            return None
        name, path = (bound, path) if bound is not None else _split(path)
        api = self.providers[name][0].api if name in self.providers else ""
        if not api:
            name, path = "", head.path
        return self.recorder.open(head, name, api, path, connection)

    def answer(self, request: Request, record: Recorded | None) -> Answer:
        """The answer to a whole request."""
        if record is None:
            return control.respond(self, request)
        self.recorder.received(record, request.body)
        found = self.providers.get(record.provider)
        if found is None:
            record.outcome = "no_provider"
            names = ", ".join(f"/{name}" for name in self.providers)
            message = f"no provider at {record.path}: paths begin with one of {names}"
            return json_answer(404, {"error": {"message": message}})
        provider, form = found
        target = record.path if not request.query else f"{record.path}?{request.query}"
        digest = content.digest(self.config.seed, provider.name, target, request.body)
        call = Call(provider, request, record.path, digest)
        answer = self._provider_answer(form, call, record)
        record.model = answer.model
        record.streamed = answer.content_length is None
        return answer

    def _provider_answer(self, form: Format, call: Call, record: Recorded) -> Answer:
        denied = form.authenticate(call)
        if denied is not None:
            record.outcome = "unauthorized"
            return denied
        name = call.provider.name
        try:
            outcome = self._next_outcome(call.request, name)
        except OutcomeError as error:
            record.outcome = "bad_outcome"
            return form.error(call, 400, "", f"x-simulate: {error}")
        record.outcome = outcome.text
        text = self._scenarios[name].text
        if outcome is OK and text is None and form.repeats:
            return self._remembered(form, call)
        if outcome is not OK or text is not None:
            call = Call(
                call.provider, call.request, call.path, call.digest, outcome=outcome, text=text
            )
        answer = faults.before(form, call)
        if answer is None:
            answer = _right_answer(form, call)
            if answer.status < 400:
                answer = faults.after(form, call, answer)
        return faults.delayed(answer, outcome)

    def _remembered(self, form: Format, call: Call) -> Answer:
        """The right answer, made once for equal requests: a load test sends few different ones."""
        request = call.request
        version = request.header(form.version_header) if form.version_header else None
        key = (call.digest, request.method, version)
        answer = self._answers.get(key)
        if answer is None:
            answer = _right_answer(form, call)
            if (answer.content_length or 0) <= _REMEMBERED_BYTES:
                if len(self._answers) >= _REMEMBERED:
                    self._answers.clear()
                self._answers[key] = answer
        return answer

    def _next_outcome(self, request: Request, provider: str) -> Outcome:
        """The outcome that a header asks for, or else the scenario's next."""
        asked = request.header_list(b"x-simulate")
        if asked is not None:
            outcome = parse_header(asked.decode("latin-1"), provider)
            if outcome is not None:
                return outcome
        number = self._counts[provider]
        self._counts[provider] = number + 1
        return self._scenarios[provider].outcome(self.config.seed, provider, number)


def _right_answer(form: Format, call: Call) -> Answer:
    try:
        return form.respond(call)
    except RecursionError:
        return form.error(call, 400, "", "The request is nested too deeply.")


def _split(path: str) -> tuple[str, str]:
    """`/openai/v1/models` as `openai` and `/v1/models`."""
    name, slash, rest = path[1:].partition("/")
    return name, slash + rest or "/"
