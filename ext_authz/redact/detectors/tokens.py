"""Tokens of clouds, of Git hosts and of services, by the marks that their issuers gave them.

Sources: the issuers' pages on the formats of their tokens, and the lists that secret scanners
publish. A token without a mark (32 hexadecimal digits) is found behind the word that names it.
"""

from __future__ import annotations

from typing import Final

from ext_authz.redact.detector import Detector

_IS: Final = r"[\"']?[ \t]{0,3}(?:=>|:=|[:=])[ \t]{0,3}[\"']?"

_ROWS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (
        "aws_key",
        (
            r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
            rf"(?i)aws_?-?(?:secret|session)_?-?(?:access_?-?)?(?:key|token){_IS}(?P<v>[A-Za-z0-9/+=]{{40,}})",
            rf"(?i)\bsecret_?access_?key{_IS}(?P<v>[A-Za-z0-9/+]{{40}})",
            r"\bABSK[A-Za-z0-9+/=]{40,}",
        ),
    ),
    (
        "gcp_key",
        (
            r"\bAIza[0-9A-Za-z_-]{35}",
            r"\bya29\.[0-9A-Za-z_-]{20,}",
            r"\bGOCSPX-[0-9A-Za-z_-]{20,}",
        ),
    ),
    (
        "azure_key",
        (
            r"(?i)\b(?:Account|SharedAccess)Key=(?P<v>[A-Za-z0-9+/]{43,86}={0,2})",
            r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}",
            r"(?i)[?&]sig=(?P<v>[A-Za-z0-9%+/]{40,}=*)",
            rf"(?i)\b(?:azure[a-z_-]*|ocp-apim-subscription)[_-]?key{_IS}(?P<v>[a-f0-9]{{32}}|[A-Za-z0-9]{{84}})\b",
        ),
    ),
    ("github_token", (r"\bgh[pousr]_[A-Za-z0-9]{36,}", r"\bgithub_pat_[A-Za-z0-9_]{40,}")),
    (
        "gitlab_token",
        (
            r"\bgl(?:pat|dt|ft|soat|rt|rtr|cbt|ptt|agent|imt|oas)-[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_-]+)*",
        ),
    ),
    ("bitbucket_token", (r"\bATBB[A-Za-z0-9]{32,}", r"\bATCTT3x[A-Za-z0-9_=-]{20,}")),
    (
        "slack_token",
        (
            r"\bxox[abeoprs](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}",
            r"\bxapp-[A-Za-z0-9-]{10,}",
            r"hooks\.slack\.com/(?:services|workflows)/(?P<v>[A-Za-z0-9+/]{20,})",
        ),
    ),
    (
        "stripe_key",
        (r"\b(?:sk|rk|pk)_(?:live|test)_[0-9a-zA-Z]{10,}", r"\bwhsec_[0-9a-zA-Z+/=]{24,}"),
    ),
    (
        "openai_key",
        (
            r"\bsk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}",
            r"\bsk-[A-Za-z0-9_-]{10,}T3BlbkFJ[A-Za-z0-9_-]{10,}",
            r"\bsk-[A-Za-z0-9]{40,}",
        ),
    ),
    ("anthropic_key", (r"\bsk-ant-[A-Za-z0-9_-]{20,}",)),
    ("huggingface_token", (r"\bhf_[A-Za-z0-9]{30,}", r"\bapi_org_[A-Za-z0-9]{30,}")),
    (
        "llm_key",
        (
            r"\bsk-or-v1-[a-f0-9]{32,}",
            r"\bgsk_[A-Za-z0-9]{40,}",
            r"\bxai-[A-Za-z0-9]{40,}",
            r"\bpplx-[A-Za-z0-9]{32,}",
            r"\br8_[A-Za-z0-9]{30,}",
            r"\bgw_[A-Za-z0-9_-]{32}\b",
        ),
    ),
    ("npm_token", (r"\bnpm_[A-Za-z0-9]{36}",)),
    ("pypi_token", (r"\bpypi-AgE[A-Za-z0-9_-]{50,}",)),
    ("docker_token", (r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}",)),
    ("sendgrid_key", (r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{32,}",)),
    ("twilio_key", (r"\bSK[0-9a-f]{32}\b", r"\bAC[0-9a-f]{32}\b")),
    ("mailgun_key", (r"\bkey-[0-9a-f]{32}\b", r"\b[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}\b")),
    ("telegram_token", (r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}",)),
    ("discord_token", (r"\b[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}",)),
    ("digitalocean_token", (r"\bdo[opr]_v1_[a-f0-9]{64}",)),
    ("databricks_token", (r"\bdapi[a-f0-9]{32}",)),
    ("shopify_token", (r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",)),
    ("square_token", (r"\bsq0[a-z]{3}-[A-Za-z0-9_-]{22,}", r"\bEAAA[A-Za-z0-9_-]{60}\b")),
    ("vault_token", (r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}",)),
    ("terraform_token", (r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,}",)),
    ("linear_key", (r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,}",)),
    ("notion_token", (r"\bntn_[A-Za-z0-9]{40,}", r"\bsecret_[A-Za-z0-9]{43}\b")),
    ("grafana_token", (r"\bgl(?:sa|c)_[A-Za-z0-9_+/=]{32,}",)),
    ("newrelic_key", (r"\bNR(?:AK|II|IQ|JS|RA|SP)-[A-Za-z0-9_-]{20,}",)),
    ("age_key", (r"\bAGE-SECRET-KEY-1[A-Z0-9]{58}",)),
    (
        "bearer_token",
        (
            (
                r"(?i)\bauthorization[\"']?[ \t]{0,2}[:=][ \t]{0,2}[\"']?"
                r"(?:bearer|basic|token)[ \t]{1,2}(?P<v>[A-Za-z0-9._~+/=-]{16,})"
            ),
        ),
    ),
)

FAMILY: Final = tuple(Detector(name, patterns, reach=512) for name, patterns in _ROWS)
