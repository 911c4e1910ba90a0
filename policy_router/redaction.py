"""What is a credential in a text, so that it can be reported and is never shown.

There is one table of shapes (`SHAPES`) and one of names (`_NAMES`). Diagnostics, logs, every format
of `check` and the messages of providers are all cleaned by them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEPT: Final = 6
"""Leading characters that are shown of a credential whose prefix says what it is; fewer than any
such credential has."""


@dataclass(frozen=True, slots=True)
class CredentialPattern:
    """One way a credential may look.

    name: what it is. pattern: its last group that took part is the credential, or the whole match.
    counts: refuses what only looks like one. keep: leading characters that may be shown.
    loose: mistakes some harmless text for a credential, so it is used only for the messages of
    others, never for a policy.
    """

    name: str
    pattern: re.Pattern[str]
    counts: Callable[[re.Match[str]], bool] = lambda _: True
    keep: int = 0
    loose: bool = False


# The prefixes that providers and platforms give their keys, and what follows them.
_PREFIXES: Final = (
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
# In quotes all of it; else up to a space, without the punctuation of the sentence around it.
_VALUE: Final = (
    r"(?:\"([^\"\n]+)\"|'([^'\n]+)'"
    r"|((?:(?:bearer|basic|token|digest|apikey)\s+)?[^\s\"']*[^\s,;.)\]}>'\"`*](?<![:=])))"
)


def _is_bare_key(found: re.Match[str]) -> bool:
    """`sk-` is a short prefix: a key has a long run after it, where names have words."""
    tail = found[1]
    return _RUN.search(tail) is not None and any(c.isdigit() or c.isupper() for c in tail)


def _is_random(found: re.Match[str]) -> bool:
    """Names such as SOME_VARIABLE_1 or CamelCase2Words have few changes between kinds."""
    run = found[0]
    digits = sum(c.isdigit() for c in run)
    changes = sum(a.isdigit() != b.isdigit() for a, b in pairwise(run))
    mixed = any(c.islower() for c in run) and any(c.isupper() for c in run)
    return mixed and digits >= 4 and changes >= 5


def _is_coded(found: re.Match[str]) -> bool:
    """Whether the word after `Bearer` or `Basic` is no English one."""
    word = found[1]
    return any(not c.isalpha() for c in word.rstrip(".,;:")) or any(
        a.islower() and b.isupper() for a, b in pairwise(word)
    )


def _is_named(found: re.Match[str]) -> bool:
    return is_secret_name(found["name"])


def _is_query(found: re.Match[str]) -> bool:
    return is_query_secret(found["name"])


SHAPES: Final = (
    CredentialPattern("provider key", re.compile(rf"\b(?:{'|'.join(_PREFIXES)})"), keep=KEPT),
    CredentialPattern("provider key", re.compile(r"\bsk-([A-Za-z0-9_-]{16,})"), _is_bare_key, KEPT),
    # One long run without a separator that holds small and capital letters and several digits.
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
        _is_query,
    ),
    CredentialPattern("bearer token", re.compile(r"(?i)\bbearer\s+([\w.~+/=-]{6,})"), _is_coded),
    CredentialPattern("password", re.compile(r"(?i)\bbasic\s+([\w+/=-]{8,})"), _is_coded),
    CredentialPattern(
        "named value",
        re.compile(
            r"(?i)(?<![\w.-])(?P<name>[a-z][\w.-]{1,63}(?:[ ](?:key|token))?)[\"'`]?"
            r"(?:\s(?:provided|is))?\s{0,3}(?:=>|[:=](?!=))\s{0,3}" + _VALUE
        ),
        _is_named,
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
        loose=True,
    ),
)
"""Every shape that is looked for."""
_STRICT: Final = tuple(shape for shape in SHAPES if not shape.loose)
_UNMISTAKABLE: Final = frozenset({"provider key", "random text", "private key"})
_EMPTY: Final = re.compile(r"[*\s]*")


def find(text: str) -> list[tuple[int, int]]:
    """Where credentials stand in a text, by their shape alone: [start, end) of each, in order."""
    shapes = [shape for shape in _STRICT if shape.name in _UNMISTAKABLE]
    return [(start, end) for start, end, _ in _spans(text, shapes)]


def mask(text: str) -> str:
    """The text with every credential starred out, and what a name or an address says is one; as
    long as before. Of a key with a prefix that says whose it is, the prefix stays."""
    # Again, because one that was glued to another stands alone once that is starred out.
    while found := _spans(text, _STRICT):
        for start, end, keep in found:
            text = text[: start + keep] + starred(text[start + keep : end]) + text[end:]
    return text


def strip(text: str, instead: str = "***") -> str:
    """Someone else's text without credentials, nor anything that might be one."""
    for start, end, _ in reversed(_spans(text, SHAPES)):
        text = text[:start] + instead + text[end:]
    return text


def starred(text: str) -> str:
    """Stars in place of everything but white space."""
    return re.sub(r"\S", "*", text)


def _spans(
    text: str, shapes: tuple[CredentialPattern, ...] | list[CredentialPattern]
) -> list[tuple[int, int, int]]:
    """[start, end) of each credential, and how much of it may be shown; none touches another."""
    found = []
    for shape in shapes:
        for match in shape.pattern.finditer(text):
            start, end = match.span(match.lastindex or 0) if shape.keep == 0 else match.span()
            if not _EMPTY.fullmatch(text, start + shape.keep, end) and shape.counts(match):
                found.append((start, end, shape.keep))
    merged: list[tuple[int, int, int]] = []
    for start, end, keep in sorted(found, key=lambda span: (span[0], -span[2])):
        if merged and start < merged[-1][1]:
            first, last, kept = merged[-1]
            merged[-1] = first, max(last, end), kept
        else:
            merged.append((start, end, keep))
    return merged


# -- names ---------------------------------------------------------------------------------------

# What the last words of a field are called that holds a credential, written together.
_NAMES: Final = frozenset({
    "apikey", "accesskey", "accesskeyid", "secretkey", "secretaccesskey", "privatekey", "authkey",
    "signingkey", "masterkey", "encryptionkey", "subscriptionkey", "accountkey", "sharedkey",
    "apitoken", "accesstoken", "authtoken", "bearertoken", "refreshtoken", "sessiontoken",
    "sastoken", "idtoken", "token", "bearer", "apisecret", "clientsecret", "secret", "password",
    "passwd", "passphrase", "passcode", "pwd", "credential", "authorization", "authorisation",
    "connectionstring", "authheader", "cookie",
})  # fmt: skip
# Of these a slip of the fingers is recognised as well. `token` is not among the plurals: `tokens`
# is a count everywhere in a policy.
_SLIPS: Final = (
    "apikey", "accesskey", "secretkey", "privatekey", "apitoken", "accesstoken", "authtoken",
    "clientsecret", "secret", "password", "passphrase", "credential", "authorization",
)  # fmt: skip
_NOT: Final = frozenset({"tokens", "maxtokens"})
_IN_QUERIES: Final = frozenset({"key", "sig", "signature", "auth", "code", "pass", "sas"})
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_BEFORE_KEY: Final = frozenset({"sort", "primary", "foreign", "partition", "cache", "public"})
_WHERE: Final = frozenset({"env", "var", "variable", "envvar", "name", "file", "path"})


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a field of that name holds a credential: `api_key`, `X-Api-Key`, `apiKye`, ..."""
    words = [word.lower() for word in _WORD.findall(name) if not word.isdigit()]
    if not words or words[-1] in _WHERE:
        return False  # it says where the credential is
    if len(words) > 1 and words[-1] in ("key", "keys") and words[-2] not in _BEFORE_KEY:
        return True
    for count in (1, 2, 3):
        tail = "".join(words[-count:])
        if tail in _NOT:
            continue
        if tail in _NAMES or (tail.endswith("s") and tail != "tokens" and tail[:-1] in _NAMES):
            return True
        if any(_is_slip(tail, right) for right in _SLIPS):
            return True
    return False


def is_query_secret(name: str) -> bool:
    """Whether a parameter of that name in an address holds a credential."""
    return name.lower() in _IN_QUERIES or is_secret_name(name)


def is_name_of_secret(name: str) -> bool:
    """Whether a field of that name says where a credential is found: `api_key_env`."""
    words = [word.lower() for word in _WORD.findall(name)]
    while words and words[-1] in _WHERE:
        words.pop()
        if is_secret_name("_".join(words)):
            return True
    return False


def _is_slip(word: str, right: str) -> bool:
    """Whether one letter is wrong, missing, doubled or swapped with its neighbour."""
    if word == right or abs(len(word) - len(right)) > 1 or word[0] != right[0]:
        return False
    at = next((i for i, (a, b) in enumerate(zip(word, right, strict=False)) if a != b), len(right))
    if len(word) == len(right):
        swapped = (
            word[at : at + 2] == right[at : at + 2][::-1] and word[at + 2 :] == right[at + 2 :]
        )
        return swapped or word[at + 1 :] == right[at + 1 :]
    longer, shorter = (word, right) if len(word) > len(right) else (right, word)
    return longer[at + 1 :] == shorter[at:] and longer != shorter + "s"


# -- fields of a file ----------------------------------------------------------------------------

_FIELD: Final = re.compile(
    r"(?:^(?P<comment>[ \t]*#[#! \t]*)?(?:[ \t-]*)|(?<=[{,\[])\s*|(?<=\s)#[#! \t]*)"
    r"(?P<quote>[\"']?)(?P<name>[A-Za-z][\w.-]{0,63})(?P=quote)[ \t]*:(?=[ \t\n]|$)",
    re.MULTILINE,
)
_PARENT: Final = re.compile(r"[\s{,\"']?([A-Za-z][\w.-]*)[\"']?[ \t]*:[ \t]*(?:#.*)?$")
# What stands right below these is named by the user, and no field.
_NAMED: Final = frozenset({
    "tasks", "limits", "budgets", "models", "experiments", "prompts", "attributes", "bands",
    "spent", "used", "when", "request", "properties",
})  # fmt: skip
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*_[A-Za-z0-9_]*|[A-Z][A-Z0-9]{0,19}")
_LIKE_KEY: Final = re.compile(r"(?:[^0-9]*[0-9]){6}")
_NOTHING: Final = frozenset({"", "null", "~", "true", "false"})


@dataclass(frozen=True, slots=True)
class CredentialField:
    """A value under a field that holds a credential. start, end: where it stands, its quotes left
    out. single: one value; else a mapping or a list. comment: it stands in a comment."""

    start: int
    end: int
    single: bool
    comment: bool = False


def fields(text: str) -> Iterator[CredentialField]:
    """Values in a YAML text that stand under a field for credentials, whatever they look like. The
    text need not be sound YAML."""
    for match in _FIELD.finditer(text):
        name = match["name"]
        where = is_name_of_secret(name)
        if not (where or is_secret_name(name) or name.lower() == "key"):
            continue
        at = match.start("name")
        comment = "#" in match[0]
        parent = "" if comment else _parent(text, at)
        if parent in _NAMED and not (parent == "models" and where):
            continue
        found = _value(text, match)
        if found is None:
            continue
        value = text[found.start : found.end]
        if value.strip() in _NOTHING:
            continue
        named = _VARIABLE.fullmatch(value) is not None and not _LIKE_KEY.match(value)
        if not (where and named):
            yield replace(found, comment=comment)


def is_literal(value: str) -> bool:
    """Whether a value under a field for credentials is one, and not a reference to where it is."""
    plain = value.strip()
    reference = plain.startswith(("$", "<", "{{", "os.environ", "env:", "%"))
    return len(plain) > KEPT and not reference and _NAME_OF_VARIABLE.fullmatch(plain) is None


_NAME_OF_VARIABLE: Final = re.compile(r"[A-Z][A-Z]*(?:_[A-Z0-9]+)+")


def _parent(text: str, at: int) -> str:
    """The name of the field within which something stands; empty at the top level."""
    begin = text.rfind("\n", 0, at) + 1
    row = text[begin:at]
    depth = 0
    for i in range(len(row) - 1, -1, -1):
        if row[i] in "}]":
            depth += 1
        elif row[i] in "{[":
            if depth == 0:
                found = _PARENT.search(row[:i])
                return found[1] if found else ""
            depth -= 1
    indent = len(row) - len(row.lstrip(" -"))
    while begin > 0 and indent > 0:
        end = begin - 1
        begin = text.rfind("\n", 0, end) + 1
        above = text[begin:end]
        bare = above.strip()
        if bare and not bare.startswith("#") and len(above) - len(above.lstrip(" ")) < indent:
            found = _PARENT.search(above.rstrip())
            return found[1] if found else ""
    return ""


def _value(text: str, field: re.Match[str]) -> CredentialField | None:
    """What stands behind a field's colon."""
    at = field.end()
    while text[at : at + 1] in (" ", "\t") and at < len(text):
        at += 1
    rest = text[at : _line_end(text, at)]
    opening = rest[:1]
    if opening in ("'", '"'):
        close = _closing_quote(text, at)
        return CredentialField(at + 1, close, single=True)
    if opening in ("{", "["):
        return CredentialField(at, _closing_bracket(text, at), single=False)
    if opening in ("", "#", "|", ">", "&", "!"):
        begin = _line_end(text, at)
        end = _block_end(text, field.start("name"), begin)
        block = text[begin:end].strip()
        if opening in ("&", "!"):
            begin = at
        single = opening in ("|", ">") or not re.search(r":(?:\s|$)|^\s*-\s", block, re.MULTILINE)
        return CredentialField(begin, end, single) if text[begin:end].strip() else None
    begin = text.rfind("\n", 0, field.start("name")) + 1
    row = text[begin : field.start("name")]
    if "#" in field[0]:
        end = at + len(rest)
    elif row.count("{") > row.count("}"):
        stop = re.compile(r",\s|,$|\}|\n|\s#|$").search(text, at)
        end = stop.start() if stop else len(text)
    else:
        comment = re.search(r"\s#", rest)
        end = at + (comment.start() if comment else len(rest))
        if not comment:
            end = _block_end(text, field.start("name"), end)
    return CredentialField(at, at + len(text[at:end].rstrip()), single=True)


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _closing_quote(text: str, at: int) -> int:
    pattern = r"'(?:''|[^'])*'" if text[at] == "'" else r'"(?:\\.|[^"\\])*"'
    found = re.compile(pattern, re.DOTALL).match(text, at)
    return found.end() - 1 if found else _line_end(text, at)


def _closing_bracket(text: str, at: int) -> int:
    depth = 0
    for i in range(at, min(len(text), at + 4096)):
        depth += (text[i] in "{[") - (text[i] in "}]")
        if depth == 0:
            return i + 1
    return _line_end(text, at)


def _block_end(text: str, field: int, at: int) -> int:
    """Where the lines end that stand further in than a field."""
    begin = text.rfind("\n", 0, field) + 1
    indent = len(text[begin:field]) - len(text[begin:field].lstrip(" "))
    while at < len(text):
        end = _line_end(text, at + 1)
        row = text[at + 1 : end]
        if row.strip() and len(row) - len(row.lstrip(" ")) <= indent:
            break
        at = end
    return at
