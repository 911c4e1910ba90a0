"""Edits of a policy that discovered changes ask for. Only a person applies them.

No patch makes a free model a paid one: what was free and costs now is left to a person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.base_errors import UsageError
from policy_router.discovery.changes import ChangeKind
from policy_router.discovery.guesses import guessed_among, unused_name
from policy_router.domain.money import format_usd
from policy_router.language.write.references import references
from policy_router.language.write.values import flow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.decision.policy import Policy
    from policy_router.discovery.changes import ModelChange
    from policy_router.discovery.served import ServedModel
    from policy_router.domain.prices import Price
    from policy_router.language.write.editable import EditablePolicy

MOST_NEW: Final = 8
"""New models that one patch adds, so that a person can look at each."""
GUESSED: Final = "guessed from its name: check it"
"""The comment behind a tier that was guessed."""
_TAKEN: Final = ("free", "paid", "local")
"""Selectors that no model may be called like."""


def patch(
    editable: EditablePolicy, policy: Policy, changes: Sequence[ModelChange], *, paid: bool = False
) -> list[ModelChange]:
    """Edit the files of a policy as far as changes ask for it.

    Args:
        editable: The files, which are edited in memory.
        policy: The policy as it is.
        changes: What was discovered.
        paid: Whether new models that cost money are added as well.

    Returns:
        The changes that led to an edit.
    """
    done = []
    taken = {name.casefold() for name in (*policy.models_by_name, *policy.tiers, *_TAKEN)}
    taken |= {tag.casefold() for model in policy.models for tag in model.tags}
    new = 0
    for change in changes:
        try:
            if change.kind is ChangeKind.NEW:
                if new < MOST_NEW and _add(editable, policy, change, taken, paid=paid):
                    new += 1
                    done.append(change)
            elif _edit(editable, policy, change):
                done.append(change)
        except UsageError:
            continue  # the file is written in a way that only a person can edit
    return done


def _edit(editable: EditablePolicy, policy: Policy, change: ModelChange) -> bool:
    path, served = ("models", change.model), change.served
    match change.kind:
        case ChangeKind.GONE if not references(editable.after, change.model):
            editable.unset(path)
        case ChangeKind.MORE_EXPENSIVE | ChangeKind.CHEAPER if (
            served is not None and served.price is not None and not policy.model(change.model).free
        ):
            _set_price(editable, change.model, served.price)
        case ChangeKind.FREE_NOW:
            editable.set((*path, "price"), "free")
        case ChangeKind.CONTEXT if served is not None and served.context is not None:
            editable.set((*path, "context"), str(served.context))
        case _:
            return False
    return True


def _set_price(editable: EditablePolicy, model: str, price: Price) -> None:
    path = ("models", model, "price")
    file = editable.file_of(path)
    if file is not None and isinstance(file.data(path), dict):
        for field, rate in (("input", price.input), ("output", price.output)):
            editable.set((*path, field), _rate(rate))
        return
    editable.set(path, _flow_price(price))


def _flow_price(price: Price) -> str:
    return flow({"input": _rate(price.input), "output": _rate(price.output)})


def _rate(nano_usd: int) -> str:
    return f"${format_usd(nano_usd)}/M"


def _add(
    editable: EditablePolicy, policy: Policy, change: ModelChange, taken: set[str], *, paid: bool
) -> bool:
    served, listing = change.served, change.listing
    if served is None or listing is None or served.elsewhere or not (served.free or paid):
        return False
    source = listing.place.source
    calls = f"{source.provider}/{served.name}"
    name = unused_name(calls, taken)
    fields = {"model": calls}
    if source.end is not None:
        fields["api_base"] = f"{listing.place.base}{source.end}"
    if listing.place.key_env is not None:
        fields["api_key_env"] = listing.place.key_env
    elif source.name == "openrouter":
        fields["api_key_env"] = "OPENROUTER_API_KEY"
    fields["tier"] = guessed_among(served.name, policy.tiers)
    fields |= _known(served)
    if source.local:
        fields["tags"] = "[local]"
    editable.add("models", name, fields, {"tier": GUESSED})
    taken.add(name.casefold())
    return True


def _known(served: ServedModel) -> dict[str, str]:
    """The fields whose values the source states."""
    fields = {}
    if served.free:
        fields["price"] = "free"
    elif served.price is not None:
        fields["price"] = _flow_price(served.price)
    if served.context is not None:
        fields["context"] = str(served.context)
    if served.abilities is not None:
        fields["can"] = flow(sorted(served.abilities))
    return fields
