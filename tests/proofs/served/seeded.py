"""Defects of the server, each of which sends private requests elsewhere.

A defect is a small change of one function. `SEEDED` has them by what is wrong; each installs itself
with a MonkeyPatch, whose end takes it out again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from policy_router import Router
from policy_router.server import hints
from tests.proofs import seeded

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def _tags_of_keys_are_ignored(patch: pytest.MonkeyPatch) -> None:
    original = hints.options_of
    patch.setattr(
        hints, "options_of", lambda caller, stated: original(replace(caller, tags=()), stated)
    )


def _tenants_are_ignored(patch: pytest.MonkeyPatch) -> None:
    original = hints.options_of
    patch.setattr(
        hints, "options_of", lambda caller, stated: original(replace(caller, tenant=None), stated)
    )


def _metadata_hides_the_headers(patch: pytest.MonkeyPatch) -> None:
    original = hints.read_hints

    def read_hints(headers: Any, metadata: Any) -> dict[str, Any]:
        return original((), metadata) if metadata else original(headers, None)

    patch.setattr(hints, "read_hints", read_hints)


def _the_last_header_counts(patch: pytest.MonkeyPatch) -> None:
    original = hints.read_hints
    patch.setattr(
        hints, "read_hints", lambda headers, metadata: original(dict(headers).items(), metadata)
    )


def _the_task_in_a_name_is_lost(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(hints, "state_task", lambda *_: None)


def _embeddings_have_no_session(patch: pytest.MonkeyPatch) -> None:
    original = Router.aembedding

    async def aembedding(self: Router, texts: Any, **options: Any) -> Any:
        options.pop("session", None)
        return await original(self, texts, **options)

    patch.setattr(Router, "aembedding", aembedding)


SEEDED: Final[dict[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "the tags of a key are ignored": _tags_of_keys_are_ignored,
    "the tenant of a key is ignored": _tenants_are_ignored,
    "`metadata` hides the headers": _metadata_hides_the_headers,
    "of two headers the last counts": _the_last_header_counts,
    "the task in a model's name is lost": _the_task_in_a_name_is_lost,
    "embeddings have no session": _embeddings_have_no_session,
    **{
        name: seeded.SEEDED[name]
        for name in (
            "the model that is asked for is added",
            "the models of an alias are added",
            "the estimator sees everything",
        )
    },
}
