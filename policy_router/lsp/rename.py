"""Renames a model or a tier throughout the files of a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.base_errors import UsageError
from policy_router.diagnostics import Severity
from policy_router.language.document.types import SELECTOR
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files
from policy_router.language.write.text_edit import TextEdit, apply
from policy_router.language.write.yaml_edit import EditableFile, spelled
from policy_router.lsp.names import names_of
from policy_router.lsp.schema_at import schemas_at
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.language.source import Path

_ANY: Final = object()
_NAMED_MODELS: Final[tuple[tuple[object, ...], ...]] = (
    ("models", _ANY, "like"),
    ("complexity", "estimator", "llm"),
    ("tasks", _ANY, "accept", "llm", "model"),
    ("reports", "baselines", _ANY),
    ("tests", _ANY, "expect", "first"),
    ("tests", _ANY, "expect", _ANY, _ANY),
    ("tests", _ANY, "given", "session", _ANY),
    ("tests", _ANY, "given", "cooling", _ANY),
)
"""Where a value is the name of a model, and the schema does not say so."""
_KEYED_BY_MODEL: Final[tuple[tuple[object, ...], ...]] = (
    ("tests", _ANY, "given", "stats", _ANY),
    ("tests", _ANY, "given", "cooling", _ANY),
)
"""Where a key is the name of a model, besides the models themselves."""
_WORDS: Final = frozenset({"free", "paid"})
"""Words that select models and are no names."""
_NAMED_TIERS: Final = frozenset({"tier", "min_tier"})


def rename(sources: Mapping[str, str], old: str, new: str) -> list[TextEdit]:
    """Return the edits that give a model or a tier another name.

    Args:
        sources: The text of each file of the policy, by its name.
        old: The name of a model or a tier.
        new: Its new name.

    Raises:
        UsageError: There is no such model or tier, the new name is taken, or the policy would have
            errors that it does not have now.
    """
    files = [EditableFile(name, text) for name, text in sources.items()]
    for file in files:
        if file.problem:
            raise UsageError(f"{file.problem}; fix it before names are changed")
    edits = [edit for file in files for edit in _edits(file, file.root, (), old, new)]
    defined = any(
        old in (file.data(("models",)) or ()) or old in (file.data(("tiers",)) or ())
        for file in files
    )
    names = names_of(file.root for file in files)
    if new in {*names.models, *names.tiers, *names.tags, *_WORDS}:
        raise UsageError(f"`{quoted(new)}` has a meaning in this policy already")
    if not defined:
        raise UsageError(f"`{quoted(old)}` is neither a model nor a tier of this policy")
    before = _errors(sources)
    for message in _errors(apply(edits, sources)):
        if message not in before:
            raise UsageError(f"`{quoted(new)}` cannot be its name: {message}")
    return edits


def _errors(sources: Mapping[str, str]) -> list[str]:
    loaded = compile_files(PolicyFile(name, text.encode()) for name, text in sources.items())
    return [each.message for each in loaded.diagnostics if each.severity is Severity.ERROR]


def _edits(file: EditableFile, data: Any, path: Path, old: str, new: str) -> Iterator[TextEdit]:
    if isinstance(data, dict):
        for key, value in data.items():
            inner = (*path, key)
            if key == old and _is_key_of_model(inner):
                yield TextEdit(file.name, *file.key_extent(inner), spelled(new))
            yield from _edits(file, value, inner, old, new)
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _edits(file, value, (*path, number), old, new)
    elif data == old and path and _names_it(path):
        yield TextEdit(file.name, *file.extent(path), spelled(new))


def _is_key_of_model(path: Path) -> bool:
    models = len(path) == 2 and path[0] == "models"
    return models or any(_like(path, pattern) for pattern in _KEYED_BY_MODEL)


def _names_it(path: Path) -> bool:
    if path[0] == "tiers" or path[-1] in _NAMED_TIERS:
        return True
    if any(_like(path, pattern) for pattern in _NAMED_MODELS):
        return True
    return any(schema.get("description") == SELECTOR for schema in schemas_at(path))


def _like(path: Path, pattern: tuple[object, ...]) -> bool:
    return len(path) == len(pattern) and all(
        wanted is _ANY or part == wanted for part, wanted in zip(path, pattern, strict=True)
    )
