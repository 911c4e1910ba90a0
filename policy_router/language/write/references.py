"""Where a policy names one of its models, so that it cannot be removed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router.diagnostics import Severity
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files
from policy_router.language.write.editable import EditablePolicy
from policy_router.language.write.text_edit import TextEdit, apply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.diagnostics import Diagnostic, Span
    from policy_router.language.load import Loaded


def references(sources: Mapping[str, str], model: str) -> dict[Span, str]:
    """Find what would break or change its meaning without a model.

    Args:
        sources: The text of each policy file, by its name.
        model: The name of a model of the policy.

    Returns:
        Each place with what is written there, as text, in the order of files and lines: where the
        model is named, and where it is the last one that a tag or a tier stands for.

    Raises:
        UsageError: The policy has no such model, or its files cannot be edited.
    """
    found = _named(_compiled(sources), model)
    before = {(each.rule, each.message) for each in _errors(sources)}
    for each in _errors(_without(sources, model)):
        if each.span is not None and (each.rule, each.message) not in before:
            found.setdefault(each.span, each.message)
    return dict(sorted(found.items()))


def _compiled(sources: Mapping[str, str]) -> Loaded:
    return compile_files(PolicyFile(name, text.encode()) for name, text in sources.items())


def _errors(sources: Mapping[str, str]) -> list[Diagnostic]:
    diagnostics = _compiled(sources).diagnostics
    return [each for each in diagnostics if each.severity is Severity.ERROR]


def _named(loaded: Loaded, model: str) -> dict[Span, str]:
    """The selectors that are the name of the model."""
    draft = loaded.draft
    selected = {} if draft is None else draft.selected
    return {
        draft.places.value(path): f"`{model}` is selected by `{_owner(path)}`"
        for path, (word, _) in selected.items()
        if draft is not None and word == model
    }


def _owner(path: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in path if isinstance(part, str))


def _without(sources: Mapping[str, str], model: str) -> dict[str, str]:
    """The files without a model, with empty lines in its place, so that places stay the same."""
    policy = EditablePolicy(sources)
    policy.unset(("models", model))
    hollow = (replace(each, text=_emptied(sources[each.file], each)) for each in policy.edits)
    return apply(hollow, sources)


def _emptied(text: str, edit: TextEdit) -> str:
    """What an edit takes out, without all but its line ends."""
    return re.sub(r"[^\r\n]", "", text[edit.start : edit.stop])
