"""National ids of persons: each by its written forms, and by the checks that `stdnum` makes.

A row is an id's name, its forms, and stdnum's module. The forms carry the separators in which the
id is printed, and none. How much a check proves differs: of ten numbers of the right form, one is
taken for a Dutch BSN or a Canadian SIN, one of a thousand for a Spanish NIF or a Finnish HETU.
"""

from __future__ import annotations

import re
from typing import Final

from stdnum import get_cc_module

from ext_authz.redact.detector import Check, Detector, Extent, stands_alone

_GAP: Final = r"[ \-\x{a0}\x{202f}\x{2010}-\x{2013}]"
_SEPARATORS: Final = re.compile("[ .\\-\u00a0\u202f\u2010-\u2013]")
# What HMRC does not issue: letters that are left out, and whole prefixes.
_NINO: Final = re.compile(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
# The words that make nine bare digits a social security number.
_SSN_SAID: Final = (
    r"(?i)\b(?:ssn|social security(?: number| no\.?)?)[\"']?(?: is)?[ :=#\t]{1,3}[\"']?"
)

_ROWS: Final[tuple[tuple[str, tuple[str, ...], str, str], ...]] = (
    (
        "us_ssn",
        (rf"\b\d{{3}}{_GAP}\d{{2}}{_GAP}\d{{4}}\b", rf"{_SSN_SAID}(?P<v>\d{{9}})\b"),
        "us",
        "ssn",
    ),
    ("us_itin", (rf"\b9\d\d{_GAP}\d\d{_GAP}\d{{4}}\b",), "us", "itin"),
    ("uk_nhs", (rf"\b\d{{3}}{_GAP}?\d{{3}}{_GAP}?\d{{4}}\b",), "gb", "nhs"),
    ("de_idnr", (rf"\b[1-9]\d{_GAP}?\d{{3}}{_GAP}?\d{{3}}{_GAP}?\d{{3}}\b",), "de", "idnr"),
    (
        "fr_nir",
        (
            rf"\b[1-478]{_GAP}?\d\d{_GAP}?\d\d{_GAP}?(?:\d\d|2[ABab]){_GAP}?\d{{3}}{_GAP}?\d{{3}}{_GAP}?\d\d\b",
        ),
        "fr",
        "nir",
    ),
    ("es_nif", (r"(?i)\b\d{8}[ -]?[A-Z]\b",), "es", "dni"),
    ("es_nie", (r"(?i)\b[XYZ][ -]?\d{7}[ -]?[A-Z]\b",), "es", "nie"),
    (
        "it_codicefiscale",
        (
            r"(?i)\b[A-Z]{6}[0-9LMNPQRSTUV]{2}[A-EHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]\b",
            r"\b[A-Z]{3} [A-Z]{3} \d{2}[A-EHLMPRST]\d{2} [A-Z]\d{3}[A-Z]\b",
        ),
        "it",
        "codicefiscale",
    ),
    ("nl_bsn", (r"\b\d{9}\b", r"\b\d{4}[. ]\d{2}[. ]\d{3}\b"), "nl", "bsn"),
    ("pl_pesel", (r"\b\d{11}\b",), "pl", "pesel"),
    ("be_nn", (r"\b\d{11}\b", r"\b\d\d[. ]\d\d[. ]\d\d[-. ]\d{3}[-. ]\d\d\b"), "be", "nn"),
    ("se_personnummer", (r"\b(?:19|20)?\d{6}[-+]?\d{4}\b",), "se", "personnummer"),
    ("dk_cpr", (r"\b[0-3]\d[01]\d{3}-?\d{4}\b",), "dk", "cpr"),
    ("no_fodselsnummer", (r"\b\d{6} ?\d{5}\b",), "no", "fodselsnummer"),
    ("fi_hetu", (r"(?i)\b[0-3]\d[01]\d{3}[-+A-FU-Y]\d{3}[0-9A-Y]\b",), "fi", "hetu"),
    ("pt_nif", (r"\b[1-9]\d{2}[ .]?\d{3}[ .]?\d{3}\b",), "pt", "nif"),
    ("ro_cnp", (r"\b[1-9]\d{12}\b",), "ro", "cnp"),
    ("bg_egn", (r"\b\d{10}\b",), "bg", "egn"),
    ("cz_rc", (r"\b\d{6}/?\d{3,4}\b",), "cz", "rc"),
    ("gr_amka", (r"\b[0-3]\d[01]\d{8}\b",), "gr", "amka"),
    ("hr_oib", (r"\b\d{11}\b",), "hr", "oib"),
    ("ee_ik", (r"\b[1-8]\d{10}\b",), "ee", "ik"),
    ("lt_asmens", (r"\b[1-9]\d{10}\b",), "lt", "asmens"),
    ("ie_pps", (r"(?i)\b\d{7}[A-W][ABHWTX]?\b",), "ie", "pps"),
    ("ch_ahv", (r"\b756[. ]?\d{4}[. ]?\d{4}[. ]?\d\d\b",), "ch", "ssn"),
    ("at_svnr", (r"\b[1-9]\d{3} ?[0-3]\d[01]\d{3}\b",), "at", "vnr"),
    ("br_cpf", (r"\b\d{3}\.?\d{3}\.?\d{3}-?\d{2}\b",), "br", "cpf"),
    ("in_aadhaar", (rf"\b[2-9]\d{{3}}{_GAP}?\d{{4}}{_GAP}?\d{{4}}\b",), "in", "aadhaar"),
    ("in_pan", (r"\b[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]\b",), "in", "pan"),
    ("ca_sin", (rf"\b\d{{3}}{_GAP}?\d{{3}}{_GAP}?\d{{3}}\b",), "ca", "sin"),
    ("au_tfn", (r"\b\d{3} ?\d{3} ?\d{3}\b",), "au", "tfn"),
    ("za_idnr", (r"\b\d{13}\b",), "za", "idnr"),
    ("tr_tckimlik", (r"\b[1-9]\d{10}\b",), "tr", "tckimlik"),
    ("mx_curp", (r"(?i)\b[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d\b",), "mx", "curp"),
    ("il_idnr", (r"\b\d{8}-?\d\b", r"\b\d{7}-\d\b"), "il", "idnr"),
    ("kr_rrn", (r"\b\d{6}-?[0-9]\d{6}\b",), "kr", "rrn"),
    ("cn_ric", (r"(?i)\b[1-9]\d{16}[0-9X]\b",), "cn", "ric"),
    ("sg_nric", (r"(?i)\b[STFGM]\d{7}[A-Z]\b",), "", ""),
    ("my_nric", (r"\b\d{6}-\d{2}-\d{4}\b",), "my", "nric"),
)


def _by_stdnum(country: str, module: str) -> Check:
    """Make the check; the module is loaded by the first number that looks like it."""

    def check(text: bytes, start: int, end: int) -> bool:
        number = text[start:end].decode("utf-8", "ignore")
        if not stands_alone(text, start, end) or _is_part(text, start, end):
            return False
        if len(set(number)) < 3:
            return False
        kind = get_cc_module(country, module)
        # Each module knows the separators of its own country; without any all of them read it.
        bare = _SEPARATORS.sub("", number)
        return kind is not None and bool(kind.is_valid(number) or kind.is_valid(bare))

    return check


def _is_part(text: bytes, start: int, end: int) -> bool:
    """Whether the number is a piece of a decimal, a UUID or a longer number with separators."""
    before, after = text[start - 1 : start] if start else b"", text[end : end + 2]
    if before in (b".", b"-") and text[max(0, start - 2) : start - 1].isalnum():
        return True
    return after[:1] in (b".", b"-") and after[1:2].isalnum()


def _is_nino(text: bytes, start: int, end: int) -> bool:
    number = re.sub("[^0-9A-Z]", "", text[start:end].decode("utf-8", "ignore").upper())
    return stands_alone(text, start, end) and _NINO.fullmatch(number) is not None


def _is_nric(text: bytes, start: int, end: int) -> bool:
    """Check a Singapore NRIC or FIN by its published weights."""
    number = text[start:end].decode().upper()
    total = sum(
        int(digit) * weight
        for digit, weight in zip(number[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True)
    )
    total += {"T": 4, "G": 4, "M": 3}.get(number[0], 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "KLJNPQRTUWX"}
    expected = letters.get(number[0], "XWUTRQPNMLK")
    at = total % 11
    return expected[10 - at if number[0] == "M" else at] == number[8] and stands_alone(
        text, start, end
    )


UK_NINO: Final = Detector(
    name="uk_nino",
    patterns=(
        r"(?i)\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]\b",
        rf"\b[A-Z]{{2}}{_GAP}\d{{2}}{_GAP}?\d{{2}}{_GAP}?\d{{2}}{_GAP}?[A-D]\b",
    ),
    check=_is_nino,
    extent=Extent.DIGITS,
)
FAMILY: Final = (
    UK_NINO,
    *(
        Detector(
            name=name,
            patterns=patterns,
            check=_by_stdnum(country, module) if module else _is_nric,
            extent=Extent.DIGITS,
        )
        for name, patterns, country, module in _ROWS
    ),
)
