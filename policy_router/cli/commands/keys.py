"""The `keys` command: the keys of the callers of a server."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.base_errors import UsageError
from policy_router.cli.output import cause, fail, inform, show, show_json
from policy_router.diagnostics import printable
from policy_router.quoting import unknown
from policy_router.views.document import document

if TYPE_CHECKING:
    from collections.abc import Mapping


class KeyAction(StrEnum):
    """What to do with the keys."""

    ADD = "add"
    LIST = "list"
    REVOKE = "revoke"


def keys(
    action: Annotated[
        KeyAction, typer.Argument(metavar="add|list|revoke", help="What to do with the keys.")
    ],
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="The name of the key, such as `ada-laptop`."),
    ] = None,
    *,
    file: Annotated[Path, typer.Option("--keys", metavar="FILE", help="The file of keys.")] = Path(
        "keys.json"
    ),
    tenant: Annotated[
        str | None, typer.Option("--tenant", metavar="NAME", help="The tenant of its requests.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="The user of its requests.")
    ] = None,
    team: Annotated[
        str | None, typer.Option("--team", metavar="NAME", help="The team of its requests.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag", metavar="TAG", help="A tag added to each of its requests; repeatable."
        ),
    ] = None,
    allow_tag: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-tag", metavar="TAG", help="A tag that its caller may send; repeatable. [none]"
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task", metavar="TASK", help="A task that its caller may name; repeatable. [any]"
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="A model or alias that its caller may ask for; repeatable. [any]",
        ),
    ] = None,
    max_cost: Annotated[
        str | None,
        typer.Option("--max-cost", metavar="USD", help="The most that one request may cost."),
    ] = None,
    admin: Annotated[
        bool,
        typer.Option(
            "--admin", help="The caller may reload the policy, read metrics and open the page."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Add, list or revoke the keys of a server's callers.

    \b
    policy-router keys add ada-laptop --tenant acme --user ada --allow-tag private
    policy-router keys list
    policy-router keys revoke ada-laptop

    A new key is printed once; the file has only its digest. A running server picks up changes
    within a second.
    """
    try:
        match action:
            case KeyAction.LIST:
                _list(file, json=json)
            case KeyAction.REVOKE:
                _revoke(file, _needed(name, action))
            case KeyAction.ADD:
                fields = {
                    "tenant": tenant, "user": user, "team": team, "tags": tag,
                    "allowed_tags": allow_tag, "tasks": task, "models": model,
                    "max_cost": max_cost, "admin": admin,
                }  # fmt: skip
                _add(file, _needed(name, action), fields, json=json)
    except UsageError as problem:
        fail(f"{printable(str(file))}: {printable(str(problem))}")
    except OSError as problem:
        fail(f"{printable(str(file))}: {cause(problem)}")


def _needed(name: str | None, action: KeyAction) -> str:
    if name is None:
        raise typer.BadParameter(
            f"`keys {action.value}` needs the name of a key", param_hint="NAME"
        )
    return name


def _add(file: Path, name: str, fields: "Mapping[str, object]", *, json: bool) -> None:
    from policy_router.server.identity import keys as stored  # noqa: PLC0415  not needed for --help

    entries = stored.read_keys(file.read_text(encoding="utf-8")) if file.exists() else ()
    if name in [entry.principal.name for entry in entries]:
        raise UsageError(f"there is already a key `{name}`: revoke it, or choose another name")
    key = stored.new_key()
    stored.store_keys(file, [*entries, stored.new_entry(name, key, fields)])
    inform(f"key {name} is in {printable(str(file))}; it is shown only this once:")
    if json:
        show_json(document(name=name, key=key))
    else:
        show([key])


def _revoke(file: Path, name: str) -> None:
    from policy_router.server.identity import keys as stored  # noqa: PLC0415  not needed for --help

    entries = stored.read_keys(file.read_text(encoding="utf-8"))
    rest = [entry for entry in entries if entry.principal.name != name]
    if len(rest) == len(entries):
        raise UsageError(unknown("key", name, [entry.principal.name for entry in entries]))
    stored.store_keys(file, rest)
    inform(f"key {name} is revoked")


def _list(file: Path, *, json: bool) -> None:
    from policy_router.server.identity import keys as stored  # noqa: PLC0415  not needed for --help

    entries = stored.read_keys(file.read_text(encoding="utf-8"))
    rows = [stored.as_row(entry) for entry in entries]
    for row in rows:
        del row["digest"]
    if json:
        show_json(document(keys=rows))
        return
    for row in rows:
        fields = [f"{field} {_spelled(value)}" for field, value in row.items() if field != "name"]
        show([printable(f"{row['name']}  {', '.join(fields)}".rstrip())])


def _spelled(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
