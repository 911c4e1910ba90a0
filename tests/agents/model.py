"""A model that plays its part in the task of an agent, whichever dialect it is asked in.

The task is two commands in a shell, one after the other, and then a word. What is next follows from
the conversation alone, so another model can take over at any turn.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.simulated import Say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TASK: Final = "Run the two commands that you are asked to run, then say done."
COMMANDS: Final = ("echo one >> notes.txt", "echo two >> notes.txt")
NOTES: Final = "one\ntwo\n"
"""What the file `notes.txt` contains after the task."""
DONE: Final = "The task is done."
TITLE: Final = json.dumps({"title": "Two commands"})

_SHELLS: Final = {"Bash": "command", "bash": "command", "exec_command": "cmd"}
"""The tools that run a command, each with the argument that the command goes in."""


def next_turn(body: Mapping[str, Any]) -> Say:
    """Return what the model says next in a conversation."""
    shell = next((name for name in _tool_names(body) if name in _SHELLS), None)
    if shell is None:
        return Say(TITLE)  # an agent asks for the title of a session without tools
    results = results_of(body)
    if results >= len(COMMANDS):
        return Say(DONE)
    arguments = {_SHELLS[shell]: COMMANDS[results]}
    if shell != "exec_command":
        arguments["description"] = "Append a line to the notes"
    function = {"name": shell, "arguments": json.dumps(arguments)}
    call = {"id": f"call_{results}", "type": "function", "function": function}
    return Say("", finish="tool_calls", tool_calls=[call])


def results_of(body: Mapping[str, Any]) -> int:
    """How many tools have returned something in a conversation."""
    return sum(1 for _ in _tool_results(body))


def _tool_names(body: Mapping[str, Any]) -> Iterator[str]:
    for tool in body.get("tools") or ():
        name = tool.get("name") or (tool.get("function") or {}).get("name")
        if name is not None:
            yield name


def _tool_results(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The results of tools in a conversation, in the words of each dialect."""
    for item in body.get("messages") or body.get("input") or ():
        if item.get("role") == "tool" or item.get("type") == "function_call_output":
            yield item
        elif isinstance(item.get("content"), list):
            yield from (part for part in item["content"] if part.get("type") == "tool_result")
