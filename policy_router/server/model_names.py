"""The names that a client may ask for: models, aliases, `auto` and `auto:TASK`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.domain.aliases import ANY_MODEL
from policy_router.quoting import quoted, unknown
from policy_router.server.dialects.listings import ListedModel
from policy_router.server.refusal import RefusedCallError

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.server.identity.principal import Principal

FOR_CLAUDE: Final = "claude-auto"
"""`auto` for Claude Code, which shows only names that begin with `claude`."""


@dataclass(frozen=True, slots=True)
class AskedModel:
    """What a client asks for.

    Attributes:
        model: A model or an alias of the policy, or `auto`.
        task: The task in `auto:TASK`; None in any other name.
    """

    model: str
    task: str | None = None


def offered(policy: Policy, principal: Principal) -> list[ListedModel]:
    """Return the names that a caller may ask for, `auto` first."""
    names = []
    if principal.may_ask_for(ANY_MODEL) or _first_own_name(principal):
        names = [ListedModel(ANY_MODEL, "The model that the policy chooses")]
        names += [
            ListedModel(
                f"{ANY_MODEL}:{task.name}", f"The model that the policy chooses: {task.name}"
            )
            for task in policy.tasks
            if principal.may_name_task(task.name)
        ]
    aliases = [alias.name for alias in policy.aliases if not alias.is_pattern]
    own = [ListedModel(name, f"Alias {name}") for name in aliases if name != ANY_MODEL]
    own += [
        ListedModel(model.name, context=model.context, max_output=model.max_output)
        for model in policy.models
        if model.name not in aliases
    ]
    return [*names, *(each for each in own if principal.may_ask_for(each.id))]


def resolve(policy: Policy, principal: Principal, name: object) -> AskedModel:
    """Return what a client asks for by a name; without a name, that is `auto`.

    Raises:
        RefusedCallError: The policy does not know the name, or the caller may not ask for it.
    """
    if name is None or name == "":
        name = ANY_MODEL
    if not isinstance(name, str):
        raise RefusedCallError(400, "invalid_model", "`model` must be a text")
    wanted = _model_for(policy, name)
    if wanted is None:
        raise unknown_name(policy, principal, name)
    if not principal.may_ask_for(wanted.model):
        if wanted.model != ANY_MODEL or not (own := _first_own_name(principal)):
            raise RefusedCallError(
                403,
                "model_not_allowed",
                f"the key `{principal.name}` may not ask for `{quoted(name)}`",
            )
        wanted = AskedModel(own, wanted.task)
    return wanted


def _model_for(policy: Policy, name: str) -> AskedModel | None:
    """What a name stands for; None for one that the policy does not know.

    The task in `auto:TASK` counts also where an alias such as `claude-*` matches the whole name.
    """
    base, colon, stated = name.partition(":")
    base = ANY_MODEL if base == FOR_CLAUDE else base
    is_task = base == ANY_MODEL and colon and policy.task(stated) is not None
    task = stated if is_task else None
    if policy.alias(name) is not None or name in policy.models_by_name:
        return AskedModel(name, task)
    return AskedModel(base, task) if base == ANY_MODEL and (is_task or not colon) else None


def unknown_name(policy: Policy, principal: Principal, name: str) -> RefusedCallError:
    """Return the refusal of a name that the policy does not know, with the one that was meant."""
    known = [each.id for each in offered(policy, principal)]
    return RefusedCallError(404, "model_not_found", unknown("model", name, known))


def _first_own_name(principal: Principal) -> str | None:
    """Return what `auto` stands for with a key that may ask only for other names."""
    return next((name for name in principal.models if not set(name) & set("*?[")), None)
