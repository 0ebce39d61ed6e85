"""The names of detectors and of groups of them, as data.

The compiler checks policies by them without the patterns; the edge's catalogue is held equal by a
test.
"""

from __future__ import annotations

from typing import Final

DETECTORS: Final = (
    "email",
    "phone",
    "credit_card",
    "iban",
    "uk_nino",
    "us_ssn",
    "us_itin",
    "uk_nhs",
    "de_idnr",
    "fr_nir",
    "es_nif",
    "es_nie",
    "it_codicefiscale",
    "nl_bsn",
    "pl_pesel",
    "be_nn",
    "se_personnummer",
    "dk_cpr",
    "no_fodselsnummer",
    "fi_hetu",
    "pt_nif",
    "ro_cnp",
    "bg_egn",
    "cz_rc",
    "gr_amka",
    "hr_oib",
    "ee_ik",
    "lt_asmens",
    "ie_pps",
    "ch_ahv",
    "at_svnr",
    "br_cpf",
    "in_aadhaar",
    "in_pan",
    "ca_sin",
    "au_tfn",
    "za_idnr",
    "tr_tckimlik",
    "mx_curp",
    "il_idnr",
    "kr_rrn",
    "cn_ric",
    "sg_nric",
    "my_nric",
    "ip_address",
    "ipv6_address",
    "jwt",
    "private_key",
    "url_password",
    "aws_key",
    "gcp_key",
    "azure_key",
    "github_token",
    "gitlab_token",
    "bitbucket_token",
    "slack_token",
    "stripe_key",
    "openai_key",
    "anthropic_key",
    "huggingface_token",
    "llm_key",
    "npm_token",
    "pypi_token",
    "docker_token",
    "sendgrid_key",
    "twilio_key",
    "mailgun_key",
    "telegram_token",
    "discord_token",
    "digitalocean_token",
    "databricks_token",
    "shopify_token",
    "square_token",
    "vault_token",
    "terraform_token",
    "linear_key",
    "notion_token",
    "grafana_token",
    "newrelic_key",
    "age_key",
    "bearer_token",
)
"""What is built in, in the catalogue's order."""


def _between(first: str, last: str) -> tuple[str, ...]:
    return DETECTORS[DETECTORS.index(first) : DETECTORS.index(last) + 1]


GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "pii": ("email", "phone", "credit_card", "iban", "us_ssn", "uk_nino"),
    "network": _between("ip_address", "ipv6_address"),
    "national_ids": _between("uk_nino", "my_nric"),
    "secrets": _between("jwt", "bearer_token"),
}
"""What a policy may say in place of a list of them."""
