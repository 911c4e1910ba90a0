"""The `models` command: the models of a policy, what is known about them, and changes of them."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.cli.options.policy import Where, choose
from policy_router.cli.options.store import State
from policy_router.cli.output import fail
from policy_router.quoting import unknown

if TYPE_CHECKING:
    from collections.abc import Sequence


class ModelAction(StrEnum):
    """What to do with the models."""

    SHOW = "show"
    COMPARE = "compare"
    ADD = "add"
    SET = "set"
    REMOVE = "remove"
    PROBE = "probe"
    LOAD = "load"
    UNLOAD = "unload"


def models(
    terms: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME | ACTION NAME...]",
            help="One model; or an action: show, compare, add, set, remove, probe, load, unload.",
        ),
    ] = None,
    *,
    policy: Where = None,
    state: State = None,
    measured: Annotated[
        bool, typer.Option("--measured", help="Also show measured values of each model.")
    ] = False,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="Show the values measured for this task only."),
    ] = None,
    can: Annotated[
        str | None,
        typer.Option("--can", metavar="ABILITIES", help="Only models with all of these abilities."),
    ] = None,
    tier: Annotated[
        str | None, typer.Option("--tier", metavar="TIER", help="Only models of this tier.")
    ] = None,
    max_price: Annotated[
        str | None,
        typer.Option(
            "--max-price", metavar="PRICE", help="Only models that cost at most this, such as $1/M."
        ),
    ] = None,
    free: Annotated[bool, typer.Option("--free", help="Only models that cost nothing.")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Change the files; without it the change is only shown.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List, compare and change the models of a policy.

    \b
    policy-router models
    policy-router models --can tools,vision --max-price '$1/M'
    policy-router models --measured --task extract
    policy-router models haiku
    policy-router models compare haiku sonnet --measured
    policy-router models set haiku tier=heavy price.input='$2/M'
    policy-router models add mini model=openai/gpt-5.4-mini tier=light --write
    policy-router models remove haiku --write
    policy-router models probe haiku
    policy-router models load qwen-72b

    With a NAME, it shows each value of the model and where it comes from: a line of the policy,
    LiteLLM's table, or what was measured. `state` says why a model cannot be called right now: a
    key that is not set, or a cooldown in the state store.

    `--measured` adds statistics from recorded calls: the success rate and the mean quality, each
    with its 95 % confidence interval, and the median time, mean length and mean cost of an answer.
    Outcomes are recorded while the policy's `learning` is on, and kept for 92 days.

    `add` and `set` take KEY=VALUE, where KEY is a field of a model, such as `tier`, or a field
    within it, such as `price.input`; `KEY=` removes a field. Nothing else in the files changes, not
    even a comment. The change is checked and printed as a diff, and written only with `--write`.
    `remove` fails while the policy still refers to the model, and says where.

    `probe` asks the named models, or all of them, for one token each, and shows how long each took
    or how it failed. The calls are charged, and count towards limits, budgets and cooldowns.

    `load` and `unload` load a model into the memory of Ollama or LM Studio and unload it; vLLM is
    woken up and put to sleep.

    Exit code 1: the change would break the policy, or the policy still refers to the model; 2: the
    state store cannot be used, or a name is unknown; 3: a probe failed, or a server did not load a
    model.
    """
    from policy_router.cli.models_edit import add, remove, set_fields  # noqa: PLC0415  not for --help
    from policy_router.cli.models_show import Wanted, compare, show_all, show_one  # noqa: PLC0415

    path = choose(policy)
    wanted = Wanted(state, task, can, tier, max_price, measured=measured, free=free)
    given = terms or []
    action, names = _action(given)
    match action:
        case None:
            show_all(path, wanted, json=json)
        case ModelAction.SHOW:
            (name,) = _exactly(1, action, names)
            show_one(path, name, wanted, json=json, actions=_actions(given))
        case ModelAction.COMPARE:
            one, other = _exactly(2, action, names)
            compare(path, (one, other), wanted, json=json)
        case ModelAction.LOAD | ModelAction.UNLOAD:
            from policy_router.cli.model_memory import set_loaded  # noqa: PLC0415  not for --help

            (name,) = _exactly(1, action, names)
            set_loaded(path, name, loaded=action is ModelAction.LOAD, json=json)
        case ModelAction.PROBE:
            from policy_router.cli.model_calls import probe  # noqa: PLC0415  not needed for --help

            probe(path, names, state, json=json)
        case ModelAction.REMOVE:
            (name,) = _exactly(1, action, names)
            remove(path, name, write=write, json=json)
        case ModelAction.ADD:
            name, *fields = _at_least(2, action, names)
            add(path, name, fields, write=write, json=json)
        case ModelAction.SET:
            name, *fields = _at_least(2, action, names)
            set_fields(path, name, fields, write=write, json=json)


def _action(terms: "Sequence[str]") -> "tuple[ModelAction | None, Sequence[str]]":
    """Split the arguments into an action and its operands; a single name means `show`."""
    if not terms:
        return None, ()
    if terms[0] in list(ModelAction):
        return ModelAction(terms[0]), terms[1:]
    if len(terms) > 1:
        fail(unknown("action", terms[0], list(ModelAction)))
    return ModelAction.SHOW, terms


def _actions(given: "Sequence[str]") -> "Sequence[str]":
    """The terms that a name may have been meant to be."""
    return () if given[0] == ModelAction.SHOW else [each.value for each in ModelAction]


def _exactly(number: int, action: ModelAction, names: "Sequence[str]") -> "Sequence[str]":
    if len(names) != number:
        noun = "the name of a model" if number == 1 else "the names of two models"
        raise typer.BadParameter(f"`models {action}` needs {noun}", param_hint="NAME")
    return names


def _at_least(number: int, action: ModelAction, names: "Sequence[str]") -> "Sequence[str]":
    if len(names) < number:
        message = f"`models {action}` needs the name of a model and KEY=VALUE"
        raise typer.BadParameter(message, param_hint="NAME")
    return names
