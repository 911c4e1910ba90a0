"""Credentials: keys with a known prefix, private keys, passwords and tokens that are named so."""

from __future__ import annotations

import re
from typing import Final

from policy_router.classification.detect.form import SensitiveForm
from policy_router.patterns import over_bytes
from policy_router.redaction.names import is_query_secret, is_secret_name
from policy_router.redaction.patterns import PREFIXES, is_bare_key

_KNOWN: Final = rb"\b(?:" + "|".join(PREFIXES).encode() + rb")"
_PRIVATE_KEY: Final = rb"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----\s*[0-9A-Za-z+/=]"
_BARE: Final = re.compile(r"(?<![A-Za-z0-9_])sk-([A-Za-z0-9_-]{16,})")
_IN_ADDRESS: Final = rb"\b[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s/?#'\":@]*:([^\s/?#'\"@]+)@"
_IN_QUERY: Final = rb"[?&;]([A-Za-z][\w.-]{0,40})=([^\s&#'\"<>`]{8,200})"
_CHARACTER: Final = rb"[!#-&*+\-./0-:=?-Z\\^_a-z|~]"
"""What the value of a field can consist of."""
_SET_TO: Final = (
    rb"[\"'`]?(?: is| was)?[ \t]{0,3}(?:=>|:=|[:=]| is )"
    rb"[ \t]{0,3}(?:bearer |basic |token )?[\"'`]?"
)
"""What is between the name of a field and its value."""
_NAMED: Final = (
    rb"(?i)([a-z][\w.-]{0,60}(?:[ ](?:key|token))?)" + _SET_TO + b"(" + _CHARACTER + b"{6,200})"
)
_CALLED: Final = (
    "(?i)(?:(?:\\b|_)(?:password|passcode|passphrase|passwd|pwd|pin|passwort|kennwort|clave|senha"
    "|mot de passe|contrase\u00f1a|wachtwoord)"
    "|\u043f\u0430\u0440\u043e\u043b\u044c|\u5bc6\u7801|\u5bc6\u78bc"
    "|\u30d1\u30b9\u30ef\u30fc\u30c9|\ube44\ubc00\ubc88\ud638)"
    "[\"'`]?(?:[ \\t]{0,3}(?:[:=]|\uff1a)| (?:is|ist|lautet|est|es|\u00e8|\u00e9):?"
    "|\u662f|\u306f|\ub294)"
    "[ \\t]{0,3}[\"'`]?"
).encode()
"""Words for a password, as people write them in a sentence, up to the password."""
_PASSWORD: Final = _CALLED + b"(" + _CHARACTER + b"{6,200})"
_BEARER: Final = rb"(?i)\bbearer[ \t]+([\w.~+/=-]{16,})"
_PLACEHOLDER: Final = re.compile(
    r"(?i)x{4,}|\*{3}|\.\.\.|your|example|placeholder|changeme|redacted|dummy|test[-_]?key|<|\$|%\("
)
_NAME: Final = re.compile(
    r"[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)+|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[a-z]+(?:[_-][a-z]+)*\d?"
)
_PLAIN: Final = re.compile(r"[\d.,:/-]+|[./~][a-z0-9_./-]*|\w+://.*|\d+(?:\.\d+)?[a-zA-Z%]{1,3}")
_LONG: Final = 12
_VERY_LONG: Final = 20


def _has_known(data: bytes) -> bool:
    return over_bytes(_KNOWN).search(data) is not None


def _has_private_key(data: bytes) -> bool:
    return over_bytes(_PRIVATE_KEY).search(data) is not None


def _has_bare_key(data: bytes) -> bool:
    return any(is_bare_key(match) for match in _BARE.finditer(data.decode("utf-8", "replace")))


def _has_bearer(data: bytes) -> bool:
    return any(_is_random(match[1]) for match in over_bytes(_BEARER).finditer(data))


def _has_address(data: bytes) -> bool:
    """Whether a text contains a password in the address of a service."""
    return any(_is_password(match[1]) for match in over_bytes(_IN_ADDRESS).finditer(data))


def _has_password(data: bytes) -> bool:
    return any(_is_password(match[1]) for match in over_bytes(_PASSWORD).finditer(data))


def _has_named(data: bytes) -> bool:
    """Whether a text contains a field, by its name that of a credential, with a random value."""
    return any(
        is_secret_name(match[1].decode("utf-8", "ignore")) and _is_random(match[2])
        for match in over_bytes(_NAMED).finditer(data)
    )


def _has_query(data: bytes) -> bool:
    """Whether a text contains a parameter in the address of a page that holds a credential."""
    return any(
        is_query_secret(match[1].decode("utf-8", "ignore")) and _is_random(match[2])
        for match in over_bytes(_IN_QUERY).finditer(data)
    )


def _is_password(value: bytes) -> bool:
    """Whether a value is one that somebody chose: letters and digits or signs, and no name."""
    text = value.decode("utf-8", "ignore").rstrip(".,!?:")
    if (
        len(text) < 6
        or _PLACEHOLDER.search(text)
        or _PLAIN.fullmatch(text)
        or _NAME.fullmatch(text)
    ):
        return False
    return any(c.isalpha() for c in text) and any(not c.isalpha() for c in text)


def _is_random(value: bytes) -> bool:
    """Whether a value is one that a machine made: long, with letters and digits mixed."""
    text = value.decode("utf-8", "ignore").rstrip(".,!?:")
    if len(text) < _LONG or not _is_password(value):
        return False
    digits, letters = sum(c.isdigit() for c in text), sum(c.isalpha() for c in text)
    mixed = text.lower() != text != text.upper() and len(text) >= _VERY_LONG
    return letters >= 4 and digits >= (1 if mixed else 2)


SECRET: Final = (
    SensitiveForm(re.sub(rb"\{[0-9,]+\}", b"{4,}", _KNOWN), _has_known),
    SensitiveForm(rb"PRIVATE KEY-----", _has_private_key),
    SensitiveForm(rb"\bsk-[A-Za-z0-9_-]{16}", _has_bare_key),
    SensitiveForm(rb"(?i)\bbearer[ \t]+[\w.~+/=-]{16}", _has_bearer),
    SensitiveForm(rb"[A-Za-z0-9+.-]://[^\s/?#'\":@]*:[^\s/?#'\"@]+@", _has_address),
    SensitiveForm(_CALLED + _CHARACTER + b"{6}", _has_password),
    SensitiveForm(rb"(?i)[a-z0-9_.-]" + _SET_TO + _CHARACTER + b"{%d}" % _LONG, _has_named),
    SensitiveForm(rb"[?&;][A-Za-z][\w.-]*=[^\s&#'\"<>`]{%d}" % _LONG, _has_query),
)
"""How credentials are found."""
