"""What the name of a field says about its value: a credential, or the place of one."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# Last words of names of fields that hold a credential, written together.
_NAMES: Final = frozenset({
    "apikey", "accesskey", "accesskeyid", "secretkey", "secretaccesskey", "privatekey", "authkey",
    "signingkey", "masterkey", "encryptionkey", "subscriptionkey", "accountkey", "sharedkey",
    "apitoken", "accesstoken", "authtoken", "bearertoken", "refreshtoken", "sessiontoken",
    "sastoken", "idtoken", "token", "bearer", "apisecret", "clientsecret", "secret", "password",
    "passwd", "passphrase", "passcode", "pwd", "credential", "authorization", "authorisation",
    "connectionstring", "authheader", "cookie",
})  # fmt: skip
# Names that are also recognised with a typing error.
_OFTEN_MISTYPED: Final = (
    "apikey", "accesskey", "secretkey", "privatekey", "apitoken", "accesstoken", "authtoken",
    "clientsecret", "secret", "password", "passphrase", "credential", "authorization",
)  # fmt: skip
_COUNTS: Final = frozenset({"tokens", "maxtokens"})  # counts, everywhere in a policy
_IN_QUERIES: Final = frozenset({"key", "sig", "signature", "auth", "code", "pass", "sas"})
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_OTHER_KEYS: Final = frozenset({"sort", "primary", "foreign", "partition", "cache", "public"})
_OF_PLACES: Final = frozenset({"env", "var", "variable", "envvar", "name", "file", "path"})


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a field of that name contains a credential: `api_key`, `X-Api-Key`, `apiKye`, ..."""
    name_parts = [word.lower() for word in _WORD.findall(name) if not word.isdigit()]
    if not name_parts or name_parts[-1] in _OF_PLACES:
        return False  # it names the place of the credential
    if (
        len(name_parts) > 1
        and name_parts[-1] in ("key", "keys")
        and name_parts[-2] not in _OTHER_KEYS
    ):
        return True
    for count in (1, 2, 3):
        tail = "".join(name_parts[-count:])
        if tail in _COUNTS:
            continue
        if tail in _NAMES or (tail.endswith("s") and tail != "tokens" and tail[:-1] in _NAMES):
            return True
        if any(_is_typo(tail, right) for right in _OFTEN_MISTYPED):
            return True
    return False


def is_query_secret(name: str) -> bool:
    """Whether a query parameter of that name contains a credential."""
    return name.lower() in _IN_QUERIES or is_secret_name(name)


def is_name_of_secret(name: str) -> bool:
    """Whether a field of that name says where a credential is: `api_key_env`."""
    words = [word.lower() for word in _WORD.findall(name)]
    while words and words[-1] in _OF_PLACES:
        words.pop()
        if is_secret_name("_".join(words)):
            return True
    return False


def _is_typo(word: str, right: str) -> bool:
    """Whether one letter is wrong, missing, doubled or swapped with its neighbour."""
    if word == right or abs(len(word) - len(right)) > 1 or word[0] != right[0]:
        return False
    pairs = enumerate(zip(word, right, strict=False))
    i = next((i for i, (a, b) in pairs if a != b), len(right))  # the first difference
    if len(word) == len(right):
        swapped = word[i : i + 2] == right[i : i + 2][::-1] and word[i + 2 :] == right[i + 2 :]
        return swapped or word[i + 1 :] == right[i + 1 :]
    longer, shorter = (word, right) if len(word) > len(right) else (right, word)
    return longer[i + 1 :] == shorter[i:] and longer != shorter + "s"
