"""The table of what credentials look like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from policy_router.redaction.names import is_query_secret, is_secret_name

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT: Final = 6
"""Leading characters that are shown of a credential whose prefix identifies its kind; fewer than
any such credential has."""


@dataclass(frozen=True, slots=True)
class CredentialPattern:
    """One form that credentials have.

    Attributes:
        name: What kind of credential it is.
        pattern: The credential is the last group that took part in a match, or the whole match.
        counts: Returns False for a match that only looks like a credential.
        keep: Leading characters that may be shown.
        loose: It also matches some harmless text, so it is used only for text from outside, never
            for a policy.
    """

    name: str
    pattern: re.Pattern[str]
    counts: Callable[[re.Match[str]], bool] = lambda _: True
    keep: int = 0
    loose: bool = False


def is_bare_key(match: re.Match[str]) -> bool:
    """Tell a key from a name: after the short prefix `sk-`, a key has a long run of characters."""
    tail = match[1]
    return _RUN.search(tail) is not None and any(c.isdigit() or c.isupper() for c in tail)


def _is_random(match: re.Match[str]) -> bool:
    """Tell a key from a name: in SOME_VARIABLE_1 or CamelCase2Words digits and letters seldom
    alternate."""
    run = match[0]
    digits = sum(c.isdigit() for c in run)
    changes = sum(a.isdigit() != b.isdigit() for a, b in pairwise(run))
    mixed = any(c.islower() for c in run) and any(c.isupper() for c in run)
    return mixed and digits >= 4 and changes >= 5


_NAME_PART: Final = re.compile(
    r"[a-z]{1,20}|[A-Z]{1,20}|[A-Z]?[a-z]{2,}(?:[A-Z][a-z]{2,})*"  # a word, or several
    r"|\d{1,8}|[A-Za-z]{1,12}\d{1,3}|\d{1,4}[A-Za-z]{1,2}|[A-Za-z]\d{1,3}[A-Za-z]"
    r"|\d{1,2}x\d{1,3}[A-Za-z]?"  # 20250929, llama3, 70b, A22B, 8x22b
)
_WORD: Final = re.compile(r"[A-Za-z]{3}")


def _is_name(match: re.Match[str]) -> bool:
    """Tell a name, such as claude-sonnet-4-5-20250929 or mcp__github__list_issues_2, from a key: it
    is made of words and short numbers, with marks between them."""
    parts = [part for part in re.split(r"[_/-]+", match[0]) if part]
    words = sum(_WORD.match(part) is not None for part in parts)
    return words > 1 and all(map(_NAME_PART.fullmatch, parts))


def _is_encoded(match: re.Match[str]) -> bool:
    """Whether what follows `Bearer` or `Basic` is not an English word."""
    word = match[1]
    return any(not c.isalpha() for c in word.rstrip(".,;:")) or any(
        a.islower() and b.isupper() for a, b in pairwise(word)
    )


def _has_secret_name(match: re.Match[str]) -> bool:
    return is_secret_name(match["name"])


def _has_query_name(match: re.Match[str]) -> bool:
    return is_query_secret(match["name"])


# Prefixes that providers and platforms give their keys, with what follows them.
PREFIXES: Final = (
    r"sk-(?:ant-|proj-|or-v1-|svcacct-|admin-|lf-)[A-Za-z0-9_-]{16,}",
    r"pk-lf-[A-Za-z0-9-]{16,}",  # Langfuse
    r"csk-[A-Za-z0-9]{20,}",  # Cerebras
    r"AIza[A-Za-z0-9_-]{30,}",  # Google
    r"ya29\.[A-Za-z0-9_-]{20,}",
    r"GOCSPX-[A-Za-z0-9_-]{20,}",
    r"gsk_[A-Za-z0-9]{20,}",  # Groq
    r"hf_[A-Za-z0-9]{20,}",  # Hugging Face
    r"api_org_[A-Za-z0-9]{20,}",
    r"xai-[A-Za-z0-9]{20,}",
    r"pplx-[A-Za-z0-9]{20,}",  # Perplexity
    r"nvapi-[A-Za-z0-9_-]{20,}",  # NVIDIA
    r"r8_[A-Za-z0-9]{20,}",  # Replicate
    r"fw_[A-Za-z0-9]{20,}",  # Fireworks
    r"tgp_v1_[A-Za-z0-9_-]{20,}",  # Together
    r"jina_[A-Za-z0-9_-]{20,}",
    r"tvly-[A-Za-z0-9_-]{16,}",  # Tavily
    r"lsv2_[ps][tk]_[A-Za-z0-9_]{20,}",  # LangSmith
    r"dapi[0-9a-f]{32}",  # Databricks
    r"gh[opsur]_[A-Za-z0-9]{30,}",
    r"github_pat_[A-Za-z0-9_]{30,}",
    r"gl(?:pat|dt|rt|ptt|cbt|soat)-[A-Za-z0-9_-]{16,}",  # GitLab
    r"xox[abeprs]-[A-Za-z0-9-]{10,}",  # Slack
    r"xapp-[A-Za-z0-9-]{10,}",
    r"A(?:KIA|SIA)[A-Z0-9]{16}",  # AWS
    r"(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,}",  # Stripe
    r"whsec_[A-Za-z0-9+/]{20,}",
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",  # SendGrid
    r"npm_[A-Za-z0-9]{30,}",
    r"pypi-[A-Za-z0-9_-]{40,}",
    r"dckr_pat_[A-Za-z0-9_-]{20,}",
    r"do[opr]_v1_[0-9a-f]{32,}",  # DigitalOcean
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",  # Shopify
    r"gl(?:sa|c)_[A-Za-z0-9_=-]{20,}",  # Grafana
    r"hv[sbr]\.[A-Za-z0-9_-]{20,}",  # Vault
    r"AGE-SECRET-KEY-1[A-Z0-9]{40,}",
    r"ATATT[A-Za-z0-9_=-]{20,}",  # Atlassian
    r"lin_api_[A-Za-z0-9]{20,}",
    r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*",  # JSON Web Token
)
_RUN: Final = re.compile(r"[A-Za-z0-9]{16}")
# A quoted value, or everything up to a space without the punctuation of the sentence around it.
_VALUE: Final = (
    r"(?:\"([^\"\n]+)\"|'([^'\n]+)'"
    r"|((?:(?:bearer|basic|token|digest|apikey)\s+)?[^\s\"']*[^\s,;.)\]}>'\"`*](?<![:=])))"
)

PATTERNS: Final = (
    CredentialPattern("provider key", re.compile(rf"\b(?:{'|'.join(PREFIXES)})"), keep=KEPT),
    CredentialPattern("provider key", re.compile(r"\bsk-([A-Za-z0-9_-]{16,})"), is_bare_key, KEPT),
    # One long run without a separator that mixes small letters, capital letters and digits.
    CredentialPattern(
        "random text",
        re.compile(r"(?<![A-Za-z0-9_/+.-])[A-Za-z0-9_+]{32,}={0,2}(?![A-Za-z0-9_/+.-])"),
        _is_random,
        KEPT,
    ),
    CredentialPattern(
        "private key",
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.+?)(?:-----END|\Z)", re.DOTALL),
    ),
    CredentialPattern(
        "password in an address",
        re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://(?:[^\s/?#'\":@]*:)?([^\s/?#'\"]+)@"),
    ),
    CredentialPattern(
        "key in an address",
        re.compile(r"[?&;#](?P<name>[A-Za-z][\w.-]{0,63})=([^\s&#'\"<>`]+)"),
        _has_query_name,
    ),
    CredentialPattern("bearer token", re.compile(r"(?i)\bbearer\s+([\w.~+/=-]{6,})"), _is_encoded),
    CredentialPattern("password", re.compile(r"(?i)\bbasic\s+([\w+/=-]{8,})"), _is_encoded),
    CredentialPattern(
        "named value",
        re.compile(
            r"(?i)(?<![\w.-])(?P<name>[a-z][\w.-]{1,63}(?:[ ](?:key|token))?)[\"'`]?"
            r"(?:\s(?:provided|is))?\s{0,3}(?:=>|[:=](?!=))\s{0,3}" + _VALUE
        ),
        _has_secret_name,
    ),
    CredentialPattern("bearer token", re.compile(r"(?i)\b(?:bearer|basic)\s+(\S+)"), loose=True),
    CredentialPattern(
        "provider key",
        re.compile(r"\b((?:sk|pk|rk|gsk|xai|key|org|proj)[-_][\w*.-]{6,}|AIza[\w-]{10,})"),
        loose=True,
    ),
    # Anything long without spaces that mixes letters and digits: keys, tokens, base64.
    CredentialPattern(
        "random text",
        re.compile(r"(?=[\w+/=*-]*\d)(?=[\w+/=*-]*[A-Za-z])[\w+/=*-]{24,}"),
        lambda match: not _is_name(match),
        loose=True,
    ),
)
"""Every pattern that is searched for."""
