"""Values that must not leave, by detector; all of them are made up, or printed as examples.

Numbers of persons are those that stdnum's documentation uses, cards are the issuers' test cards.
"""

from __future__ import annotations

import base64

_A40 = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789aBcD"
_HEX32 = "0123456789abcdef0123456789abcdef"
_PEM_LINES = "\n".join(
    base64.b64encode(bytes(range(number, number + 48))).decode() for number in range(6)
)
_JWT = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"1234567890"}', b"0123456789abcdef0123")
)

VALUES: dict[str, tuple[str, ...]] = {
    "email": (
        "bob@example.com",
        "jürgen.müller@straße.example.de",
        "first.last+tag@sub.domain.co.uk",
        "o'brien@example.org",
    ),
    "phone": (
        "+49 30 1234567",
        "+1 (415) 555-2671",
        "+442079460958",
        "0049 30 1234567",
        "(415) 555-2671",
        "415-555-2671",
        "415.555.2671",
        "030/1234567",
        "020 7946 0958",
        "01 23 45 67 89",
    ),
    "credit_card": (
        "4111111111111111",
        "4111 1111 1111 1111",
        "5555-5555-5555-4444",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
        "30569309025904",
        "3530111333300000",
        "2223003122003222",
        "4111\u00a01111\u00a01111\u00a01111",
    ),
    "iban": (
        "DE89 3704 0044 0532 0130 00",
        "DE89370400440532013000",
        "GB29 NWBK 6016 1331 9268 19",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NO93 8601 1117 947",
        "mt84malt011000012345mtlcast001s",
    ),
    "us_ssn": ("536-90-4399", "536 90 4399"),
    "us_itin": ("912-90-3456",),
    "uk_nino": ("AB123456C", "JG123456C", "AB 12 34 56 C"),
    "uk_nhs": ("943 476 5870", "943-476-5870"),
    "de_idnr": ("36 574 261 809", "36574261809"),
    "fr_nir": ("2 95 10 99 126 111 93", "253072B07300470"),
    "es_nif": ("54362315K", "54362315-K"),
    "es_nie": ("X2482300W", "x-2482300w"),
    "it_codicefiscale": ("RCCMNL83S18D969H", "rccmnl83s18d969h"),
    "nl_bsn": ("111222333", "1112.22.333"),
    "pl_pesel": ("44051401359",),
    "be_nn": ("85073003328", "85.07.30-033.28"),
    "se_personnummer": ("880320-0016", "19880320-0016"),
    "dk_cpr": ("211062-5629", "2110625629"),
    "no_fodselsnummer": ("15108695088", "151086 95088"),
    "fi_hetu": ("131052-308T",),
    "pt_nif": ("501 964 843", "501964843"),
    "ro_cnp": ("1630615123457",),
    "bg_egn": ("8032056031",),
    "cz_rc": ("710319/2745",),
    "gr_amka": ("01013099997",),
    "hr_oib": ("33392005961",),
    "ee_ik": ("36805280109",),
    "lt_asmens": ("33309240064",),
    "ie_pps": ("6433435F",),
    "ch_ahv": ("756.9217.0769.85", "7569217076985"),
    "at_svnr": ("1237 010180",),
    "br_cpf": ("390.533.447-05", "39053344705"),
    "in_aadhaar": ("2341 2341 2346", "234123412346"),
    "in_pan": ("ACUPA7085R",),
    "ca_sin": ("123-456-782", "123 456 782"),
    "au_tfn": ("123 456 782",),
    "za_idnr": ("7503305044089",),
    "tr_tckimlik": ("17291716060",),
    "mx_curp": ("BOXW310820HNERXN09",),
    "il_idnr": ("3933742-3", "039337423"),
    "kr_rrn": ("971013-9019902",),
    "cn_ric": ("360426199101010071",),
    "sg_nric": ("S1234567D", "F1234567N"),
    "my_nric": ("770305-02-1234",),
    "ip_address": ("203.0.113.77", "10.20.30.40"),
    "ipv6_address": ("2001:db8::8a2e:370:7334", "fe80::1ff:fe23:4567:890a", "::ffff:203.0.113.77"),
    "jwt": (_JWT,),
    "private_key": (
        f"-----BEGIN RSA PRIVATE KEY-----\n{_PEM_LINES}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{_PEM_LINES}\n-----END PRIVATE KEY-----",
    ),
    "url_password": ("s3cr3t-Pa55",),
    "aws_key": ("AKIAIOSFODNN7EXAMPLE",),
    "gcp_key": ("AIza" + _A40[:35], "ya29." + _A40, "GOCSPX-" + _A40[:28]),
    "azure_key": ("abc8Q~" + _A40[:34],),
    "github_token": ("ghp_" + _A40[:36], "github_pat_" + _A40 + "_" + _A40),
    "gitlab_token": ("glpat-" + _A40[:20],),
    "bitbucket_token": ("ATBB" + _A40[:32],),
    "slack_token": ("xoxb-123456789012-" + _A40[:24], "xapp-1-" + _A40),
    "stripe_key": ("sk_live_" + _A40[:24], "rk_test_" + _A40[:24], "whsec_" + _A40[:32]),
    "openai_key": ("sk-proj-" + _A40, "sk-" + _A40[:20] + "T3BlbkFJ" + _A40[:20]),
    "anthropic_key": ("sk-ant-api03-" + _A40,),
    "huggingface_token": ("hf_" + _A40[:34],),
    "llm_key": ("gsk_" + _A40 + "abcdefghijkl", "xai-" + _A40 + _A40, "sk-or-v1-" + _HEX32 * 2),
    "npm_token": ("npm_" + _A40[:36],),
    "pypi_token": ("pypi-AgEIcHlwaS5vcmc" + _A40 + _A40,),
    "docker_token": ("dckr_pat_" + _A40[:27],),
    "sendgrid_key": ("SG." + _A40[:22] + "." + _A40 + "abc",),
    "twilio_key": ("SK" + _HEX32,),
    "mailgun_key": ("key-" + _HEX32,),
    "telegram_token": ("123456789:AA" + _A40[:33],),
    "discord_token": ("M" + _A40[:23] + "." + _A40[:6] + "." + _A40[:27],),
    "digitalocean_token": ("dop_v1_" + _HEX32 * 2,),
    "databricks_token": ("dapi" + _HEX32,),
    "shopify_token": ("shpat_" + _HEX32,),
    "square_token": ("sq0atp-" + _A40[:22],),
    "vault_token": ("hvs." + _A40[:30],),
    "terraform_token": (_A40[:14] + ".atlasv1." + _A40 + _A40,),
    "linear_key": ("lin_api_" + _A40,),
    "notion_token": ("ntn_" + _A40 + "abcdef",),
    "grafana_token": ("glsa_" + _A40[:32],),
    "newrelic_key": ("NRAK-" + _A40[:27],),
    "age_key": ("AGE-SECRET-KEY-1" + ("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 2)[:58],),
    "bearer_token": ("abcdefghijklmnopqrstuvwxyz",),
}
SAID: dict[str, str] = {
    "url_password": "postgres://admin:{}@db.example.internal:5432/orders",
    "bearer_token": "Authorization: Bearer {}",
}
"""How a value is said that is known by the words around it."""


def said(name: str, value: str) -> str:
    """A sentence with the value in it."""
    return f"Please note {SAID.get(name, '{}').format(value)} and go on."
