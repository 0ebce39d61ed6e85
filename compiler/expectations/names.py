"""Every name in a test leads somewhere, and what it may have meant is said where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from compiler.diagnostic import Label, Reporter, Severity, did_you_mean
from compiler.plan import Plan
from compiler.schema.expected import ExpectDocument
from compiler.schema.given import NONE, GivenDocument
from compiler.schema.tests import RequestDocument, TestDocument
from compiler.source import Path, Span

Locate = Callable[[Path], Span]
"""Where a place of the tests was written."""
Places = Mapping[str, Span]
"""Names, and where each is declared."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a plan has names for."""

    listeners: Places
    routes: Places
    models: Places
    keys: Places
    tenants: Places
    issuers: Places
    upstreams: Places
    """Services, providers, and targets (`provider/model`)."""
    providers: Places
    targets: Places
    redactions: Places
    limits: Places


def names_of(plan: Plan) -> Names:
    """Collect the names of a plan."""
    providers = {one.name: one.at for one in plan.providers}
    targets = {
        f"{target.provider}/{target.model}": target.at
        for model in plan.models
        for group in model.groups
        for target in group.targets
    }
    keys = [key for tenant in plan.tenants for key in tenant.every_key]
    limits: dict[str, Span] = {}
    for placed in plan.every_limit:
        limits[placed.limit.id] = placed.at
        limits.setdefault(placed.limit.text, placed.at)
    return Names(
        listeners={one.name: one.at for one in plan.listeners},
        routes={one.name: one.at for one in plan.routes},
        models={name: one.at for one in plan.models for name in (one.name, *one.aliases)},
        keys={key.id: key.at for key in keys},
        tenants={one.name: one.at for one in plan.tenants},
        issuers={one.name: one.at for one in plan.issuers},
        upstreams={**{one.name: one.at for one in plan.services}, **providers, **targets},
        providers=providers,
        targets=targets,
        redactions={one.name: one.at for one in plan.redactions},
        limits=limits,
    )


def check_names(
    tests: Iterable[TestDocument],
    plan: Plan,
    reporter: Reporter,
    locate: Locate,
    locate_key: Locate | None = None,
    root: Path = ("tests",),
    severity: Severity = Severity.ERROR,
) -> None:
    """Report every name in the tests that the plan does not have; ``root`` is where they stand.

    ``locate_key`` gives the places of names that are keys; ``locate`` does unless it is given.
    """
    written = tuple(tests)
    if not written:
        return
    check = _Check(names_of(plan), reporter, locate, locate_key or locate, severity)
    for index, test in enumerate(written):
        check.part(test, (*root, index))
        expects = bool(test.expect.model_fields_set)
        if not expects and not test.cases:
            check.silent((*root, index, "name"))
        for row, case in enumerate(test.cases):
            if not expects and not case.expect.model_fields_set:
                check.silent((*root, index, "cases", row))
            check.part(case, (*root, index, "cases", row), test.expect)


class _Check:
    """Looks names up, and reports those that are not there."""

    __slots__ = ("_locate", "_locate_key", "_names", "_report")

    def __init__(
        self,
        names: Names,
        reporter: Reporter,
        locate: Locate,
        locate_key: Locate,
        severity: Severity,
    ) -> None:
        self._names = names
        self._report = reporter.error if severity is Severity.ERROR else reporter.warning
        self._locate = locate
        self._locate_key = locate_key

    def part(self, test: object, path: Path, shared: ExpectDocument | None = None) -> None:
        """Check a test or a row of one; ``shared`` is what is expected of all rows."""
        request: RequestDocument = test.request  # type: ignore[attr-defined]
        expect: ExpectDocument = test.expect  # type: ignore[attr-defined]
        refusal = _is_refusal(expect) or (shared is not None and _is_refusal(shared))
        self.request(request, (*path, "request"), refusal=refusal)
        self.given(test.given, (*path, "given"))  # type: ignore[attr-defined]
        self.expect(expect, (*path, "expect"))

    def silent(self, path: Path) -> None:
        """Report a test that can only pass."""
        self._report(
            "test-expects-nothing",
            "this test expects nothing",
            self._locate(path),
            hint="say under `expect:` what is to become of the request, such as `status: 200`",
        )

    def request(self, request: RequestDocument, path: Path, *, refusal: bool) -> None:
        names = self._names
        self._known("listener", request.listener, names.listeners, (*path, "listener"))
        self._known("key", request.key, names.keys, (*path, "key"))
        self._known("issuer", request.issuer, names.issuers, (*path, "issuer"))
        if not refusal:
            # A model that is not there may be what the test is about.
            self._known("model", request.model, names.models, (*path, "model"))

    def given(self, given: GivenDocument, path: Path) -> None:
        names = self._names
        for name in given.model_extra or {}:
            self._known("upstream", name, names.upstreams, (*path, name), key=True)
        for name in given.used:
            self._known("limit", name, names.limits, (*path, "used", name), key=True)
        for index, name in enumerate(given.cooling):
            self._known("provider", name, names.providers, (*path, "cooling", index))
        for name in given.latencies:
            self._known("target", name, names.targets, (*path, "latencies", name), key=True)

    def expect(self, expect: ExpectDocument, path: Path) -> None:
        names = self._names
        self._known("route", _some(expect.route), names.routes, (*path, "route"))
        who = expect.identity
        if who is not None:
            at: Path = (*path, "identity")
            self._known("key", who.key or None, names.keys, at)
            self._known("tenant", who.tenant or None, names.tenants, at)
        self._known("target", _some(expect.served_by), names.targets, (*path, "served_by"))
        for index, name in enumerate(expect.targets or ()):
            self._known("target", _some(name), names.targets, (*path, "targets", index))
        redacted = expect.redacted or ()
        by_whom = redacted if isinstance(redacted, dict) else {"": redacted}
        for whom, found in by_whom.items():
            here: Path = (*path, "redacted", whom) if whom else (*path, "redacted")
            known = {**names.providers, **names.targets}
            self._known("upstream", whom or None, known, here, key=True)
            for index, name in enumerate(found):
                self._known("redaction", name, names.redactions, (*here, index))
        for name in expect.limits:
            self._known("limit", name, names.limits, (*path, "limits", name), key=True)

    def _known(
        self, kind: str, name: str | None, known: Places, path: Path, *, key: bool = False
    ) -> None:
        if name is None or name in known:
            return
        close = did_you_mean(name, known)
        labels = [] if close is None else [Label(known[close], "declared here")]
        hint = _listing(kind, known) if close is None else f"did you mean `{close}`?"
        self._report(
            # `unknown-key` is a key of the language.
            "unknown-access-key" if kind == "key" else f"unknown-{kind}",
            f"this test names {kind} `{name[:80]}`",
            self._locate_key(path) if key else self._locate(path),
            f"no such {kind}",
            labels=labels,
            hint=hint,
        )


def _is_refusal(expect: ExpectDocument) -> bool:
    return expect.code is not None or str(expect.status)[:1] == "4"


def _some(name: str | None) -> str | None:
    return None if name == NONE else name


def _listing(kind: str, known: Places) -> str:
    if not known:
        return f"the policy has no {kind}"
    some = ", ".join(f"`{name}`" for name in sorted(known)[:6])
    return f"the policy has {some}" + (" and more" if len(known) > 6 else "")
