"""The patch of a policy file after an experiment: adopts the winner or removes it; keeps comments.

A winner that puts models first becomes the first rule of the file, and the experiment is removed.
Files are changed as text, line by line, so that nothing else in them moves. If the experiment or
the rules are written on one line, there is no patch, only advice in words.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from difflib import unified_diff
from typing import TYPE_CHECKING, Final

from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.experiments import Arm, Experiment

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_RULES: Final = re.compile(r"rules:\s*(?:#.*)?")
_SECTION: Final = re.compile(r"experiments:\s*(?:#.*)?")


@dataclass(frozen=True, slots=True)
class Adoption:
    """How to end an experiment in the policy files.

    Attributes:
        advice: What to do, as a sentence.
        patch: The same as a unified diff; empty if there is none.
    """

    advice: str
    patch: str


def adopt(experiment: Experiment, winner: Arm | None, sources: Mapping[str, str]) -> Adoption:
    """Say how to adopt the winner of an experiment.

    Args:
        experiment: The experiment.
        winner: The arm that won; None keeps the policy as it is without the experiment.
        sources: The text of each policy file, by its name.
    """
    advice = _advice(experiment, winner)
    if winner is not None and (winner.prompt or winner.effort):
        return Adoption(advice, "")
    span = experiment.span
    text = None if span is None else sources.get(span.file)
    if span is None or text is None:
        return Adoption(advice, "")
    lines: list[str] | None = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    before = list(lines or ())
    lines = _without_entry(before, span.line - 1, experiment.name)
    if lines is not None and winner is not None:
        lines = _with_rule(lines, experiment, winner)
    if lines is None:
        return Adoption(advice, "")
    changed = {**sources, span.file: "".join(lines)}
    files = [PolicyFile(name, each.encode()) for name, each in changed.items()]
    if compile_files(files).policy is None:
        return Adoption(advice, "")
    patch = "".join(unified_diff(before, lines, span.file, span.file))
    return Adoption(advice, patch)


def _advice(experiment: Experiment, winner: Arm | None) -> str:
    if winner is None:
        return (
            f"remove experiment `{experiment.name}`: no arm is shown to be better than the control"
        )
    steps = []
    if winner.first:
        models = ", ".join(f"`{name}`" for name in winner.first)
        steps.append(f"put {models} first by a rule before all others")
    if winner.prompt:
        steps.append(f"put prompt `{winner.prompt}` before the others of `prompts`")
    if winner.effort:
        steps.append(f"set `effort: {winner.effort}` on the models that can reason")
    return f"{', '.join(steps)}, and remove experiment `{experiment.name}`"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _says_nothing(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _without_entry(lines: list[str], start: int, name: str) -> list[str] | None:
    """The lines without the entry of a mapping that begins at a line; None where it does not begin
    a line there. The section goes too where it has no other entry."""
    key = re.match(rf" +['\"]?{re.escape(name)}['\"]?\s*:", lines[start])
    if key is None:
        return None
    own, end = _indent(lines[start]), start + 1
    while end < len(lines) and (_says_nothing(lines[end]) or _indent(lines[end]) > own):
        end += 1
    while _says_nothing(lines[end - 1]):  # what follows the entry belongs to what comes after it
        end -= 1
    while lines[start - 1].strip().startswith("#") and _indent(lines[start - 1]) == own:
        start -= 1  # comments right above the entry are about it
    left = [*lines[:start], *lines[end:]]
    head = max(i for i in range(start) if _indent(lines[i]) == 0 and not _says_nothing(lines[i]))
    if _SECTION.fullmatch(lines[head].strip()) is None:
        return None
    rest = next((line for line in left[head + 1 :] if not _says_nothing(line)), "")
    if _indent(rest) == 0:
        del left[head]
    return left


def _with_rule(lines: list[str], experiment: Experiment, winner: Arm) -> list[str] | None:
    """The lines with a rule before all others that puts models first."""
    names = [name if _PLAIN.fullmatch(name) else json.dumps(name) for name in winner.first]
    rule = [f"- name: {experiment.name} (an experiment kept it)"]
    if experiment.when is not None:
        rule.append(f"  when: {json.dumps(experiment.when.text, ensure_ascii=False)}")
    rule.append(f"  first: [{', '.join(names)}]")
    head = next((i for i, line in enumerate(lines) if line.startswith("rules:")), None)
    if head is None:
        return [*lines, "rules:\n", *(f"  {line}\n" for line in rule)]
    if _RULES.fullmatch(lines[head].strip()) is None:
        return None
    first = next((i for i in range(head + 1, len(lines)) if not _says_nothing(lines[i])), None)
    if first is None or not lines[first].lstrip().startswith("- "):
        return None
    blanks = " " * _indent(lines[first])
    return [*lines[:first], *(f"{blanks}{line}\n" for line in rule), *lines[first:]]
