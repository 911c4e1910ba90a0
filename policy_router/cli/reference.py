"""The reference of all commands, generated from the commands themselves."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

from policy_router.cli.app import COMMANDS, GROUPS, command
from policy_router.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_HEAD: Final = """\
# Commands

Every command, generated from its help text: `policy-router COMMAND --help` prints the same.
Commands use the policy given by `--policy`, else `$POLICY_ROUTER_POLICY`, else `policies/`. They
use the state store given by `--state`, else `$POLICY_ROUTER_STATE`, else a file for each policy in
`$XDG_STATE_HOME/policy-router` (`~/.local/state/policy-router`).

Results go to standard output, everything else to standard error. Colors and wrapped tables are used
only on terminals; `NO_COLOR` and `FORCE_COLOR` override that. With `POLICY_ROUTER_DEBUG=1`, an
internal error shows its traceback.
"""


def reference() -> str:
    """Return the reference as Markdown."""
    lines = [_HEAD, "| exit code | meaning |", "|---|---|"]
    lines += [f"| {code.value} | {code.meaning} |" for code in ExitCode]
    lines += ["", "| to | commands |", "|---|---|"]
    lines += [f"| {heading} | {_linked(group)} |" for heading, group in GROUPS.items()]
    program = command([])
    for name in COMMANDS:
        lines += ["", f"## {name}", "", *_description(COMMANDS[name].__doc__ or "")]
        lines += _parameters(COMMANDS[name], program.commands[name].params)
    return "\n".join(lines) + "\n"


def _linked(names: Iterable[str]) -> str:
    return ", ".join(f"[{name}](#{name})" for name in names)


def _description(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help text; examples become a code block."""
    for number, paragraph in enumerate(inspect.cleandoc(text).split("\n\n")):
        if number:
            yield ""
        examples = paragraph.removeprefix("\b\n")
        yield from [paragraph] if examples == paragraph else ["```sh", examples, "```"]


def _parameters(function: Callable[..., None], parameters: list[Any]) -> Iterator[str]:
    """Yield the table of arguments and options; the objects are those of typer."""
    texts = _texts(function)
    rows = [
        f"| `{_usage(parameter)}` | {texts[parameter.name].replace('|', '&#124;')} |"
        for parameter in parameters
        if parameter.name in texts
    ]
    if rows:
        yield from ["", "| argument or option | meaning |", "|---|---|", *rows]


def _texts(function: Callable[..., None]) -> dict[str, str]:
    """The help of each parameter as the command declares it.

    With some releases of typer and click the objects of arguments have lost theirs.
    """
    declared = inspect.signature(function, eval_str=True).parameters.values()
    return {
        parameter.name: info.help
        for parameter in declared
        for info in getattr(parameter.annotation, "__metadata__", ())
        if getattr(info, "help", None)
    }


def _usage(parameter: Any) -> str:
    metavar = (parameter.metavar or "").replace("|", "\\|")
    if parameter.param_type_name == "argument":
        return metavar
    names = ", ".join(sorted(parameter.opts, key=len, reverse=True))
    return names if parameter.is_flag else f"{names} {metavar}"
