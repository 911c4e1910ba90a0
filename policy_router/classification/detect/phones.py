"""Telephone numbers: international ones, usual national forms, and numbers that are called one.

A number in a national form counts as a telephone number only when its groups are those of a
country, or when a word for a telephone stands before it: prices, dates, numbers of orders and of
books look alike.
"""

from __future__ import annotations

import re
from typing import Final

from policy_router.classification.detect.form import SensitiveForm
from policy_router.patterns import over_bytes

_SIGN: Final = rb"(?:[ .()/-]|\xc2\xa0|\xe2\x80[\x90-\x93\xaf])"
_NUMBER: Final = rb"[+(]{0,2}[0-9](?:" + _SIGN + rb"{0,3}[0-9]){5,}"
_SHORTEST: Final = 7
_LONGEST: Final = 15
"""Digits of a number with the code of its country, by E.164."""
_AROUND: Final = 40
"""Bytes before a number that are searched for a word for it."""
_CALLED: Final = re.compile(
    r"(?i)(?:\btel\b|\btelephone|\btelefon|\bt[eé]l[eé]phone|\bt[eé]l\b|\btel[eé]fono|\btelefone"
    r"|\bphone|\bcell\b|\bmobile?\b|\bmobil|\bmobilnummer|\bhandy|\bcall|\btext me|\bring me|\bdial"
    r"|\bfax|\bwhatsapp|\bruf|\banrufen|\berreichbar|\bappel|\bportable|\bm[oó]vil|\bcelular"
    r"|\bll[aá]m|\bcellulare|\bligue|\bbel\b|\bmobiel|телефон|позвони|звони|номер|тел\."
    r"|电话|電話|手机|手機|号码|致电|携帯|連絡先|전화|연락처|휴대폰)[^0-9]*\Z"
)
"""Words for a telephone, with anything but digits between them and the number."""
_NATIONAL: Final = re.compile(
    r"(?:"
    r"\(?[2-9]\d\d\)?[ .-]{1,2}[2-9]\d\d[ .-]\d{4}"  # North America
    r"|1[ .-]\(?[2-9]\d\d\)?[ .-]{1,2}[2-9]\d\d[ .-]\d{4}"
    r"|0[1-9](?:[ .-]\d\d){4}"  # France
    r"|\(?0[1-9]\d{1,4}\)?[ /-]{1,3}[1-9]\d{2,7}(?:[ -]\d{1,4})?"  # Germany, Austria, Switzerland
    r"|\(?0[1-9]\d{2,4}\)?[ ]\d{3,4}[ ]?\d{3,4}"  # United Kingdom
    r"|\(?0[1-9]\d\)?[ ]\d{4}[ ]\d{4}"
    r"|0[1-9]\d{0,2}-\d{2,4}-\d{4}"  # Japan, Korea
    r"|0[1-9]\d \d{3} \d{2} \d{2}"
    r"|1[3-9]\d[ -]\d{4}[ -]\d{4}"  # China
    r"|0\d{2,3}-\d{7,8}"
    r"|\(\d\d\) ?9?\d{4}-\d{4}"  # Brazil
    r"|8[ -]\(?\d{3}\)?[ -]\d{3}[ -]\d\d[ -]\d\d"  # Russia
    r"|3[2-9]\d[ ]\d{3}[ ]?\d{4}"  # Italy
    r"|06[ -]\d{8}"  # Netherlands
    r")"
)
_MOBILE: Final = re.compile(r"1[3-9]\d{9}|0[67]\d{8}|01[5-7]\d{8,9}|0[789]0\d{8}|07\d{9}")
"""Mobile numbers that are written in one piece: China, France, Germany, Japan, Britain."""
_DATE: Final = re.compile(
    r"(?:[0-3]?\d)([./ -])(?:[0-3]?\d)\1(?:19|20)\d\d(?:\D.*)?"
    r"|(?:19|20)\d\d([./ -])[01]?\d\2[0-3]?\d(?:\D.*)?"
)
_BOOK: Final = re.compile(r"97[89][ -]?\d|\d{1,5}-\d{1,7}-\d{1,7}-\d")
_JOINED: Final = re.compile(
    rb"[0-9A-Za-z_][-./:=#+]?\Z|[#$.\xa3%]\Z|\xe2\x82[\xa0-\xbf]\s?\Z|\xc2[\xa2-\xa5]\Z"
)
_GOES_ON: Final = re.compile(
    rb"[0-9A-Za-z_%]|[-.,/:=][0-9A-Za-z]|\s?(?:\xe2\x82\xac|\$|EUR|USD|GB|MB|kB|px)"
)


def _has_phone(data: bytes) -> bool:
    """Whether a text, in UTF-8, contains a telephone number."""
    return any(_is_phone(data, *match.span()) for match in over_bytes(_NUMBER).finditer(data))


def _is_phone(data: bytes, start: int, end: int) -> bool:
    before = data[max(0, start - _AROUND) : start]
    if _JOINED.search(before[-4:]) or _GOES_ON.match(data[end : end + 5]):
        return False
    text = data[start : min(end, start + 60)].decode("utf-8", "replace")
    text = re.sub("[\u2010-\u2013]", "-", text).replace("\xa0", " ").replace("\u202f", " ")
    digits = re.sub(r"\D", "", text)
    if not _SHORTEST <= len(digits) <= _LONGEST + 2 or len(set(digits)) == 1:
        return False
    if text.lstrip("(").startswith("+") or re.match(r"00[1-9]\d[ ()/-]", text):
        return digits.lstrip("0")[:1] != "" and 9 <= len(digits.removeprefix("00")) <= _LONGEST
    if _DATE.fullmatch(text) or _BOOK.match(text):
        return False
    called = _CALLED.search(before.decode("utf-8", "ignore"))
    return bool(
        called or _NATIONAL.fullmatch(text) or (_MOBILE.fullmatch(text) and _is_spoken(before))
    )


def _is_spoken(before: bytes) -> bool:
    """Whether a number follows words of a sentence, not the name of a field or of another thing."""
    return (
        re.search(rb"[^\x00-\x7f]\s*\Z|(?i:\b(?:me|mich|moi|at|unter|au|is|ist|est)\s+)\Z", before)
        is not None
    )


PHONE: Final = (SensitiveForm(rb"[0-9](?:%s*[0-9]){%d}" % (_SIGN, _SHORTEST - 1), _has_phone),)
"""How telephone numbers are found."""
