"""The keys of a server: a file of what each may do, with the digests of the keys only.

A key is 256 random bits, so that its plain SHA-256 digest cannot be turned back into it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import dataclass, fields
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from policy_router.base_errors import UsageError
from policy_router.domain.money import parse_usd
from policy_router.quoting import quoted, unknown
from policy_router.server.identity.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PREFIX: Final = "pr-"
"""How every key begins, so that scanners for leaked keys can find it."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_VERSION: Final = 1
_TEXTS: Final = ("tenant", "user", "team")
_LISTS: Final = ("tags", "allowed_tags", "tasks", "models")
_AMOUNTS: Final = ("max_cost", "max_price")
_FIELDS: Final = ("name", "digest", *_TEXTS, *_LISTS, *_AMOUNTS, "admin")


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key in the file.

    Attributes:
        digest: The SHA-256 digest of the key, in hexadecimal digits.
        principal: Who calls with it, and what it may do.
    """

    digest: str
    principal: Principal


def new_key() -> str:
    """Return a new key. It is shown once and never stored."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(key: str) -> str:
    """Return the digest that a key is found by."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def read_keys(text: str) -> tuple[KeyEntry, ...]:
    """Read a file of keys.

    Raises:
        UsageError: It is not one. The message names the key and the field, and never shows a value
            that could be a key.
    """
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise UsageError("it is not JSON") from None
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        raise UsageError(f"it must be an object with `version: {_VERSION}`")
    rows = document.get("keys")
    if not isinstance(rows, list):
        raise UsageError("`keys` must be a list")
    entries = tuple(_entry(row, f"keys[{place}]") for place, row in enumerate(rows))
    for what, values in (
        ("name", [entry.principal.name for entry in entries]),
        ("digest", [entry.digest for entry in entries]),
    ):
        if len(set(values)) != len(values):
            twice = next(value for value in values if values.count(value) > 1)
            raise UsageError(f"two keys have the {what} `{quoted(twice)}`")
    return entries


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without duplicate fields, since one of two could grant more than the other."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"the field `{quoted(twice)}` occurs twice in one object")
    return found


def write_keys(entries: Iterable[KeyEntry]) -> str:
    """Return the text of a file of keys."""
    return (
        json.dumps({"version": _VERSION, "keys": [as_row(each) for each in entries]}, indent=2)
        + "\n"
    )


def store_keys(path: Path, entries: Iterable[KeyEntry]) -> None:
    """Replace a file of keys in one step, readable by its owner only.

    Raises:
        OSError: It cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  a descriptor
            file.write(write_keys(entries))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def new_entry(name: str, key: str, fields: Mapping[str, object]) -> KeyEntry:
    """Return the entry of a new key.

    Args:
        name: The name of the key.
        key: The key itself, of which only the digest is kept.
        fields: What it may do, as the file has it; what is None or empty has its default.

    Raises:
        UsageError: The name or a field is invalid.
    """
    given = {field: value for field, value in fields.items() if value}
    return _entry({**given, "name": name, "digest": digest_of(key)}, f"key `{quoted(name)}`")


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise UsageError(
            f"`{quoted(name)}` is not the name of a key: at most 64 letters, digits and `.`, `_`, "
            "`@`, `-`, with a letter or digit at the beginning"
        )


def _entry(row: object, place: str) -> KeyEntry:
    if not isinstance(row, dict):
        raise UsageError(f"{place} must be an object")
    for field in row:
        if field not in _FIELDS:
            raise UsageError(f"{place}: {unknown('field', field, _FIELDS)}")
    name, digest = row.get("name"), row.get("digest")
    if not isinstance(name, str):
        raise UsageError(f"{place} must have a `name`")
    _check_name(name)
    if not isinstance(digest, str) or _DIGEST.fullmatch(digest) is None:
        raise UsageError(f"the `digest` of key `{name}` must be 64 hexadecimal digits")
    values: dict[str, Any] = {"name": name, "admin": row.get("admin", False)}
    if not isinstance(values["admin"], bool):
        raise UsageError(f"`admin` of key `{name}` must be true or false")
    for field in _TEXTS:
        values[field] = _text(row.get(field), f"`{field}` of key `{name}`")
    for field in _LISTS:
        if field in row:
            values[field] = _words(row[field], f"`{field}` of key `{name}`")
    for field in _AMOUNTS:
        if row.get(field) is not None:
            values[field] = _dollars(row[field], f"`{field}` of key `{name}`")
    return KeyEntry(digest, Principal(**values))


def _text(value: object, what: str) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    raise UsageError(f"{what} must be a text")


def _words(value: object, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise UsageError(f"{what} must be a list of texts")
    return tuple(value)


def _dollars(value: object, what: str) -> Decimal:
    try:
        return parse_usd(str(value))
    except ValueError:
        raise UsageError(f"{what} must be an amount in US dollars such as `0.05`") from None


def as_row(entry: KeyEntry) -> dict[str, object]:
    """Return an entry in the form of the file: without fields that have their default."""
    row: dict[str, object] = {"name": entry.principal.name, "digest": entry.digest}
    for field in fields(Principal):
        value = getattr(entry.principal, field.name)
        if field.name in _FIELDS and field.name != "name" and value != field.default:
            row[field.name] = (
                f"{value:f}"
                if isinstance(value, Decimal)
                else list(value)
                if isinstance(value, tuple)
                else value
            )
    return row
