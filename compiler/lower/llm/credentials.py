"""What an attempt may carry: nothing of the client's or of another provider's, and its own key.

Headers that a filter sets for one attempt are still there in the next one, so every target begins
by removing all that any target may have set, and all that a client may have sent as a credential.
"""

from __future__ import annotations

from collections.abc import Iterable

from compiler.lower.llm.names import ATTEMPT_HEADER, IDENTITY_PREFIX, TARGET_HEADER
from compiler.plan_llm import Api, Provider, Speech
from policies.ads import sds_secret
from xds.schema import envoy
from xds.wire import pack

hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
header_mutation_v3 = envoy.extensions.filters.http.header_mutation.v3
injector_v3 = envoy.extensions.filters.http.credential_injector.v3
generic_v3 = envoy.extensions.http.injected_credentials.generic.v3
mutation_rules_v3 = envoy.config.common.mutation_rules.v3
core_v3 = envoy.config.core.v3

ANTHROPIC_VERSION = "2023-06-01"

_PARTS = (
    "authoriz",  # authorization, proxy-authorization; never :authority
    "authen",  # authentication, x-goog-authenticated-user-email
    "-auth",  # x-auth, x-auth-token, cf-aig-authorization
    "cert",  # x-forwarded-client-cert
    "cookie",
    "cred",
    "jwt",
    "key",  # x-api-key, api-key, x-goog-api-key, ocp-apim-subscription-key
    "passw",
    "secret",
    "session",
    "sign",  # signature
    "srf",  # x-csrf-token, x-xsrf
    "token",
)
"""A header whose name holds one of these may be a credential."""

_PREFIXES = (
    "x-amz-",  # AWS signatures
    "x-goog-",
    "x-envoy-",  # orders to an Envoy behind the provider's front door
    "x-forwarded-",  # who the client is, and what lies between: none of a provider's business
    "cf-",
)
_NAMES = (
    "accept-encoding",  # usage can only be read from bodies that are not compressed
    "forwarded",
    "openai-organization",
    "openai-project",
    "origin",
    "referer",
    "true-client-ip",
    "via",
    "x-real-ip",
)
_KEY_HEADERS = {
    Speech.ANTHROPIC: "x-api-key",
    Speech.AZURE: "api-key",
    Speech.GEMINI: "x-goog-api-key",
}
"""The header of each provider's key; all others want a bearer token."""

_ANSWER_PREFIXES = ("x-envoy-", "anthropic-organization", "openai-organization")
_ANSWER_NAMES = ("alt-svc", "openai-project", "set-cookie", "strict-transport-security")


def constant_headers(providers: Iterable[Provider]) -> frozenset[str]:
    """Return the names that any provider sets: what one attempt set, the next one must not keep."""
    return frozenset(header.lower() for provider in providers for header, _ in provider.headers)


def clean_slate(
    provider: Provider,
    target: str,
    constant: frozenset[str],
    *,
    accounts: bool = False,
    again: bool = False,
) -> hcm_v3.HttpFilter:
    """The first filter of each attempt: remove, then set the provider's own constant headers.

    What is removed is broad on purpose: a header that merely sounds like a credential is no loss to
    a provider. In answers it removes what would command this Envoy (`x-envoy-overloaded` forbids
    retries), and what speaks of the gateway's account or of the provider's site; and it says which
    target answered. With ``again`` the target may be tried several times running, and Lua is told
    which attempt it is.
    """
    config = header_mutation_v3.HeaderMutation()
    requests = config.mutations.request_mutations
    for part in _PARTS:
        requests.add().remove_on_match.key_matcher.contains = part
    for prefix in (*_PREFIXES, IDENTITY_PREFIX) if accounts else _PREFIXES:
        requests.add().remove_on_match.key_matcher.prefix = prefix
    for name in sorted({*_NAMES, *constant}):
        requests.add().remove = name
    if provider.api is Api.ANTHROPIC:
        requests.append(
            _set("anthropic-version", ANTHROPIC_VERSION, core_v3.HeaderValueOption.ADD_IF_ABSENT)
        )
    for header, value in provider.headers:
        requests.append(_set(header, value, core_v3.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD))
    if again:
        number = requests.add().append
        number.header.key = ATTEMPT_HEADER
        number.header.value = "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"
        number.append_action = core_v3.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    # No provider's API has trailers: all of them go.
    all_of_them = config.mutations.request_trailers_mutations.add().remove_on_match.key_matcher
    all_of_them.safe_regex.regex = ".+"
    answers = config.mutations.response_mutations
    for prefix in _ANSWER_PREFIXES:
        answers.add().remove_on_match.key_matcher.prefix = prefix
    for name in _ANSWER_NAMES:
        answers.add().remove = name
    answers.append(
        _set(TARGET_HEADER, target, core_v3.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD)
    )
    return hcm_v3.HttpFilter(name="gatewright.clean_slate", typed_config=pack(config))


def own_key(provider: Provider) -> hcm_v3.HttpFilter | None:
    """The filter that adds the provider's key, or None where it wants none.

    The key comes over SDS and is never part of the cluster. Without it requests get 401 from the
    filter: they are never sent without a credential.
    """
    if provider.key is None:
        return None
    generic = generic_v3.Generic(credential=sds_secret(provider.key))
    header = _KEY_HEADERS.get(provider.speech)
    generic.header = header or "authorization"
    if header is None:
        generic.header_value_prefix = "Bearer "
    config = injector_v3.CredentialInjector(
        overwrite=True,
        credential=core_v3.TypedExtensionConfig(
            name="envoy.http.injected_credentials.generic", typed_config=pack(generic)
        ),
    )
    return hcm_v3.HttpFilter(
        name="envoy.filters.http.credential_injector", typed_config=pack(config)
    )


def _set(
    name: str,
    value: str,
    action: core_v3.HeaderValueOption.HeaderAppendAction.ValueType,
) -> mutation_rules_v3.HeaderMutation:
    mutation = mutation_rules_v3.HeaderMutation()
    mutation.append.header.key = name
    mutation.append.header.value = value.replace("%", "%%")  # no format operators in it
    mutation.append.append_action = action
    return mutation
