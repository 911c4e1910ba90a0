"""The `keys` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.server.identity.keys import digest_of, read_keys
from tests.cli.run import run

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_is_shown_once_and_kept_as_a_digest(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    made = run(
        *("keys", "add", "ada-laptop", "--keys", file, "--tenant", "acme", "--user", "ada"),
        *("--allow-tag", "pri*", "--task", "code", "--model", "fast", "--max-cost", "$0.05"),
    )
    assert made.code == 0
    key = made.out.strip()
    assert len(key) > 40
    text = file.read_text()
    assert key not in text
    assert file.stat().st_mode & 0o077 == 0
    (entry,) = read_keys(text)
    assert entry.digest == digest_of(key)
    principal = entry.principal
    assert (principal.name, principal.tenant, principal.user) == ("ada-laptop", "acme", "ada")
    assert (principal.allowed_tags, principal.tasks, principal.models) == (
        ("pri*",), ("code",), ("fast",),
    )  # fmt: skip
    assert not principal.admin
    listed = run("keys", "list", "--keys", file)
    assert listed.out.startswith("ada-laptop  tenant acme, user ada, ")
    assert entry.digest not in listed.out


def test_keys_are_added_and_revoked(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    keys = [run("keys", "add", name, "--keys", file, "--json").json["key"] for name in "ab"]
    assert keys[0] != keys[1]
    assert run("keys", "revoke", "a", "--keys", file).code == 0
    assert run("keys", "list", "--keys", file, "--json").json["keys"] == [{"name": "b"}]


def test_wrong_uses(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    run("keys", "add", "ada", "--keys", file)
    for arguments, message in (
        (("add", "ada"), "there is already a key `ada`"),
        (("add", "a b"), "is not the name of a key"),
        (("add", "bob", "--max-cost", "dear"), "must be an amount in US dollars"),
        (("revoke", "adda"), "did you mean `ada`?"),
        (("add",), "needs the name of a key"),
        (("list", "--keys", tmp_path / "none.json"), "no such file"),
    ):
        result = run("keys", *arguments[:2], *(arguments[2:] or ("--keys", file)), "--keys", file)
        if "none.json" in str(arguments):
            result = run("keys", *arguments)
        assert result.code == 2, arguments
        assert message in result.err.replace("\n", " "), result.err


def test_a_damaged_file_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    for text, message in (
        ("{", "it is not JSON"),
        ("[]", "`version: 1`"),
        ('{"version": 1, "keys": {}}', "`keys` must be a list"),
        ('{"version": 1, "keys": [{"name": "a", "digest": "x"}]}', "64 hexadecimal digits"),
        ('{"version": 1, "keys": [{"name": "a", "tenat": "x"}]}', "did you mean `tenant`?"),
        ('{"version": 1, "keys": [{"digest": "a"}]}', "must have a `name`"),
    ):
        file.write_text(text)
        result = run("keys", "add", "ada", "--keys", file)
        assert result.code == 2
        assert message in result.err
        assert file.read_text() == text
