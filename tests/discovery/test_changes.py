"""What differs between a policy and what is offered, and which edits that asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from policy_router import load
from policy_router.base_errors import UsageError
from policy_router.catalog.table import Catalog
from policy_router.discovery.changes import (
    ChangeKind,
    ModelChange,
    changes_of,
    described,
    new_models,
)
from policy_router.discovery.guesses import guessed_among
from policy_router.discovery.patches import GUESSED, patch
from policy_router.discovery.query_sources import SourceListing, SourcePlace
from policy_router.discovery.served import ServedModel
from policy_router.discovery.source_places import is_called_at, named_place, places_of
from policy_router.discovery.sources.table import SOURCES
from policy_router.domain.prices import Price
from policy_router.language.write.editable import EditablePolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.decision.policy import Policy
    from policy_router.domain.models import Model

TODAY = date(2026, 11, 30)
TEXT = """\
version: 1
tiers: [light, standard, heavy]
models:
  coder-free: { model: openrouter/qwen/coder:free, tier: light, price: free, context: 256k }
  coder:  # paid
    model: openrouter/qwen/coder
    tier: standard
    price: { input: $1/M, output: $2/M }  # list price
    context: 256k
  unpriced: { model: openrouter/x/unpriced, tier: heavy }
  here:
    model: ollama_chat/llama3.2
    api_base: http://localhost:11434
    tier: light
    price: free
    context: 4k
    tags: [mine]
budgets: { all: { cap: $10/month, then: free_only } }
rules: [{ name: own, when: { tags: private }, only: [mine] }]
"""
USUAL: Mapping[str, dict[str, Any]] = {
    "qwen/coder:free": {"free": True, "context": 256_000},
    "qwen/coder": {"price": Price(10**9, 2 * 10**9), "context": 256_000},
    "x/unpriced": {"context": 9_000},
}


def policy() -> Policy:
    return load(text=TEXT)


def openrouter(**different: dict[str, Any] | None) -> SourceListing:
    """What OpenRouter lists: the usual, with some models different, or absent where None."""
    rows: dict[str, Any] = dict(USUAL)
    for name, row in different.items():
        real = name.replace("__", ":").replace("_", "/")
        if row is None:
            del rows[real]
        else:
            rows[real] = {**rows.get(real, {}), **row}
    models = tuple(ServedModel(name, **row) for name, row in rows.items())
    return SourceListing(SourcePlace(SOURCES["openrouter"], "https://openrouter.ai"), 0.0, models)


def ollama(*models: ServedModel) -> SourceListing:
    usual = (ServedModel("llama3.2:latest", 4_000, longest=131_072, free=True),)
    return SourceListing(
        SourcePlace(SOURCES["ollama"], "http://127.0.0.1:11434"), 0.0, models or usual
    )


def at(model: Model, listing: SourceListing) -> bool:
    return is_called_at(model, listing, {})


def changes(
    *listings: SourceListing, entries: Mapping[str, Any] | None = None
) -> list[ModelChange]:
    return changes_of(policy().models, listings, TODAY, is_called_at=at, entries=entries or {})


def test_nothing_differs() -> None:
    assert changes(openrouter(), ollama()) == []


@pytest.mark.parametrize(
    ("different", "kind", "model", "text"),
    [
        ({"qwen_coder": None}, "gone", "coder", "`qwen/coder` is not offered by openrouter at"),
        ({"qwen_coder": {"price": Price(2 * 10**9, 10**9)}}, "more expensive", "coder",
         "it costs $2.00/M in, $1.00/M out, the policy says $1.00/M in, $2.00/M out"),
        ({"qwen_coder": {"price": Price(10**9, 10**9)}}, "cheaper", "coder", "it costs $1.00/M in"),
        ({"qwen_coder": {"price": None, "free": True}}, "free now", "coder", "it is free, the"),
        ({"qwen_coder__free": {"price": Price(1, 1), "free": False}}, "more expensive",
         "coder-free", "it is free in the policy and costs"),
        ({"x_unpriced": {"price": Price(1, 1)}}, "more expensive", "unpriced",
         "and the policy knows no price"),
        ({"x_unpriced": {"free": True}}, "free now", "unpriced", "the policy says unknown"),
        ({"qwen_coder": {"context": 128_000}}, "context", "coder",
         "its context has 128,000 tokens, the policy says 256,000"),
        ({"qwen_coder": {"context": 1_000_000}}, "context", "coder", "its context has 1,000,000"),
        ({"qwen_coder": {"last_day": TODAY + timedelta(days=30)}}, "goes away", "coder",
         "`qwen/coder` is switched off on 2026-12-30, in 30 days"),
        ({"qwen_coder": {"last_day": TODAY}}, "goes away", "coder", "2026-11-30, today"),
        ({"qwen_coder": {"last_day": TODAY - timedelta(days=1)}}, "goes away", "coder",
         "was due to be switched off on 2026-11-29"),
    ],
)  # fmt: skip
def test_each_difference(different: dict[str, Any], kind: str, model: str, text: str) -> None:
    (change,) = changes(openrouter(**different), ollama())
    assert (change.kind, change.model) == (kind, model)
    assert text in change.text
    assert change.asks_for_an_edit
    assert change.help


def test_what_is_no_difference() -> None:
    far = {"qwen_coder": {"last_day": TODAY + timedelta(days=31)}}
    assert changes(openrouter(**far), ollama()) == []
    longer = ServedModel("llama3.2:latest", 8_000, free=True)
    assert changes(openrouter(), ollama(longer)) == []
    broken = replace(openrouter(), models=(), problem="no such host")
    assert changes(broken, ollama()) == []
    assert changes() == []


def test_a_shorter_context_on_hardware_of_ones_own() -> None:
    (change,) = changes(ollama(ServedModel("llama3.2:latest", 2_048, free=True)))
    assert (change.kind, change.model) == (ChangeKind.CONTEXT, "here")


def test_the_table_of_litellm_knows_last_days() -> None:
    row = {
        "litellm_provider": "openrouter", "mode": "chat", "input_cost_per_token": 1e-6,
        "output_cost_per_token": 1e-6, "deprecation_date": "2026-12-09",
    }  # fmt: skip
    table = Catalog({"openrouter/qwen/coder": row}, frozenset(), "test")
    entries = {"coder": table.find("openrouter/qwen/coder"), "here": None}
    (change,) = changes(openrouter(), entries=entries)
    assert change.kind is ChangeKind.GOES_AWAY
    assert change.text == "`openrouter/qwen/coder` is switched off on 2026-12-09, in 9 days"
    both = openrouter(qwen_coder={"last_day": date(2026, 12, 9)})
    assert len(changes(both, entries=entries)) == 1


def new(listing: SourceListing, *only: str, recent: tuple[str, ...] = ()) -> list[str]:
    found = new_models(policy().models, listing, only, recent, is_called_at=at)
    assert all(change.kind is ChangeKind.NEW for change in found)
    return [change.served.name for change in found if change.served is not None]


def test_new_models() -> None:
    more = openrouter(a_b__free={"free": True, "abilities": frozenset({"tools"})}, a_b={})
    assert new(more) == []
    assert new(more, recent=("a/b", "a/b:free", "qwen/coder")) == ["a/b:free", "a/b"]
    assert new(more, "free", recent=("a/b", "a/b:free")) == ["a/b:free"]
    assert new(more, "paid", recent=("a/b", "a/b:free")) == ["a/b"]
    assert new(more, "tools", recent=("a/b", "a/b:free")) == ["a/b:free"]
    assert new(more, "openrouter/a/*:free", recent=("a/b", "a/b:free")) == ["a/b:free"]
    assert new(more, "local", recent=("a/b",)) == []
    own = ollama(
        ServedModel("llama3.2:latest"), ServedModel("b:7b"), ServedModel("c", elsewhere=True)
    )
    assert new(own) == ["b:7b", "c"]
    assert new(own, "local") == ["b:7b"]
    assert new(own, "ollama") == ["b:7b", "c"]


@pytest.mark.parametrize(
    ("served", "text"),
    [
        (ServedModel("a"), "price unknown"),
        (ServedModel("a", elsewhere=True), "runs elsewhere, at its own price"),
        (ServedModel("a", 4_096, longest=8_192, free=True), "free, 4,096 tokens, up to 8,192"),
        (ServedModel("a", price=Price(1, 2), last_day=TODAY, abilities=frozenset({"b", "a"})),
         "$0.000000001/M in, $0.000000002/M out, a b, until 2026-11-30"),
    ],
)  # fmt: skip
def test_models_in_a_few_words(served: ServedModel, text: str) -> None:
    assert described(served) == text


# -- patches -------------------------------------------------------------------------------------


def patched(*found: ModelChange, paid: bool = False) -> tuple[str, list[ModelChange]]:
    editable = EditablePolicy({"p.yaml": TEXT})
    done = patch(editable, policy(), found, paid=paid)
    load(text=editable.after["p.yaml"])
    return editable.after["p.yaml"], done


@pytest.mark.parametrize(
    ("different", "old", "replacement"),
    [
        ({"qwen_coder": {"price": Price(3 * 10**9, 10**8)}},
         "{ input: $1/M, output: $2/M }  # list", "{ input: $3/M, output: $0.1/M }  # list"),
        ({"qwen_coder": {"price": None, "free": True}},
         "price: { input: $1/M, output: $2/M }  # list", "price: free  # list"),
        ({"x_unpriced": {"price": Price(10**9, 10**9)}}, "/unpriced, tier: heavy }",
         "/unpriced, tier: heavy, price: { input: $1/M, output: $1/M } }"),
        ({"qwen_coder": {"context": 128_000}}, "    context: 256k\n", "    context: 128000\n"),
        ({"x_unpriced": None},
         "  unpriced: { model: openrouter/x/unpriced, tier: heavy }\n", ""),
    ],
)  # fmt: skip
def test_edits(different: dict[str, Any], old: str, replacement: str) -> None:
    text, done = patched(*changes(openrouter(**different)))
    assert len(done) == 1
    assert TEXT.count(old) == 1
    assert text == TEXT.replace(old, replacement)


def test_a_free_model_is_never_made_a_paid_one() -> None:
    for different in (
        {"qwen_coder__free": {"price": Price(1, 1), "free": False}},
        {"qwen_coder__free": {"price": Price(10**12, 1), "free": False, "last_day": TODAY}},
    ):
        found = changes(openrouter(**different))
        assert found
        assert patched(*found) == (TEXT, [])


def test_a_model_that_is_named_is_not_removed() -> None:
    found = changes(ollama(ServedModel("other", free=True)))
    assert [change.kind for change in found] == [ChangeKind.GONE]
    assert patched(*found) == (TEXT, [])


def test_new_models_are_added_with_a_tier_that_is_marked() -> None:
    listing = ollama(ServedModel("Qwen2.5:72b", 4_096, free=True, abilities=frozenset({"tools"})))
    found = new_models((), listing, (), (), is_called_at=at)
    text, done = patched(*found)
    assert done == found
    assert text == TEXT.replace(
        "    tags: [mine]\n",
        "    tags: [mine]\n"
        '  "Qwen2.5:72b":\n'
        "    model: ollama_chat/Qwen2.5:72b\n"
        "    api_base: http://127.0.0.1:11434\n"
        f"    tier: heavy  # {GUESSED}\n"
        "    price: free\n"
        "    context: 4096\n"
        "    can: [tools]\n"
        "    tags: [local]\n",
    )


def test_which_new_models_are_added() -> None:
    listing = openrouter(
        a_b__free={"free": True}, c_coder={"price": Price(10**9, 10**9)}, d_heavy={"free": True}
    )
    found = new_models(
        policy().models, listing, (), [m.name for m in listing.models], is_called_at=at
    )
    text, done = patched(*found)
    assert [change.served and change.served.name for change in done] == ["a/b:free", "d/heavy"]
    assert (
        "  heavy-2:\n    model: openrouter/d/heavy\n    api_key_env: OPENROUTER_API_KEY\n" in text
    )
    text, done = patched(*found, paid=True)
    assert "  coder-2:\n" in text
    assert "    price: { input: $1/M, output: $1/M }\n" in text
    elsewhere = new_models((), ollama(ServedModel("x", elsewhere=True)), (), (), is_called_at=at)
    assert patched(*elsewhere) == (TEXT, [])
    many = ollama(*(ServedModel(f"m{number}", free=True) for number in range(20)))
    _, done = patched(*new_models((), many, (), (), is_called_at=at))
    assert len(done) == 8


def test_what_only_a_person_can_edit() -> None:
    text = TEXT.replace(
        "  coder:  # paid\n    model:", "  ? coder\n  :  # paid\n    ? model\n    :"
    )
    editable = EditablePolicy({"p.yaml": text})
    found = changes(openrouter(qwen_coder=None))
    assert patch(editable, policy(), found) in ([], found)


def test_tiers_are_guessed_among_those_of_the_policy() -> None:
    names = ("m-3b", "m-32b", "m-70b", "unknown")
    assert [guessed_among(n, ("only",)) for n in names] == ["only"] * 4
    assert [guessed_among(n, ("a", "b")) for n in names] == ["a", "a", "b", "a"]
    assert [guessed_among(n, ("a", "b", "c")) for n in names] == ["a", "b", "c", "a"]


# -- places --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "base"),
    [
        ("ollama", "ollama", "http://127.0.0.1:11434"),
        ("openrouter", "openrouter", "https://openrouter.ai"),
        ("vllm=http://gpu-1:8000/", "vllm", "http://gpu-1:8000"),
        ("http://any:1/v1", "openai-compatible", "http://any:1/v1"),
        ("openai-compatible=http://any:1/v1?a=b", "openai-compatible", "http://any:1/v1?a=b"),
    ],
)
def test_places_that_are_named(text: str, name: str, base: str) -> None:
    place = named_place(text, {}, "SOME_KEY")
    assert (place.source.name, place.base) == (name, base)
    assert place.key_env == ("SOME_KEY" if name == "openai-compatible" else None)


def test_places_that_are_named_wrongly() -> None:
    with pytest.raises(UsageError, match="did you mean `ollama`"):
        named_place("olama", {})
    with pytest.raises(UsageError, match="needs an address"):
        named_place("openai-compatible", {})


def places(text: str, *sources: str, **environ: str) -> list[tuple[str, str, bool]]:
    models = load(text=text).models
    found = places_of(models, sources, environ)
    return [(each.source.name, each.base, each.expected) for each in found]


OWN = """\
version: 1
models:
  a: { model: hosted_vllm/a, api_base: "http://gpu-1:8000/v1", tier: t, price: free, context: 4k }
  b: { model: ollama/b, tier: t, price: free, context: 4k }
  c: { model: openai/c, api_base_env: ANY_SERVER, tier: t, price: free, context: 4k }
  d: { model: openai/gpt-4o, tier: t, price: free }
"""


def test_places_of_a_policy() -> None:
    lm_studio = ("lmstudio", "http://127.0.0.1:1234", False)
    assert places(OWN, ANY_SERVER="http://any:1/v1") == [
        ("vllm", "http://gpu-1:8000", True),
        ("ollama", "http://127.0.0.1:11434", True),
        ("openai-compatible", "http://any:1/v1", True),
        lm_studio,
    ]
    assert places(OWN, OLLAMA_HOST="0.0.0.0:1", OPENROUTER_API_KEY="x") == [
        ("vllm", "http://gpu-1:8000", True),
        ("ollama", "http://127.0.0.1:1", True),
        lm_studio,
        ("openrouter", "https://openrouter.ai", True),
    ]
    assert places(OWN, "openrouter", "vllm") == [
        ("vllm", "http://gpu-1:8000", True),
        ("openrouter", "https://openrouter.ai", True),
    ]
    assert places(TEXT, "ollama") == [("ollama", "http://localhost:11434", True)]


@pytest.mark.parametrize(
    ("name", "listing", "called"),
    [
        ("coder", openrouter(), True),
        ("here", openrouter(), False),
        ("here", ollama(), True),
        (
            "here",
            replace(ollama(), place=SourcePlace(SOURCES["ollama"], "http://[::1]:11434")),
            True,
        ),
        (
            "here",
            replace(ollama(), place=SourcePlace(SOURCES["ollama"], "http://other:11434")),
            False,
        ),
        ("here", replace(ollama(), place=SourcePlace(SOURCES["ollama"], "http://[")), False),
        ("coder", ollama(), False),
    ],
)
def test_whether_a_model_is_called_at_a_place(
    name: str, listing: SourceListing, called: bool
) -> None:
    assert is_called_at(policy().model(name), listing, {}) == called


def test_models_without_an_address() -> None:
    own = load(text=OWN)
    assert is_called_at(own.model("b"), ollama(), {})
    assert not is_called_at(own.model("b"), ollama(), {"OLLAMA_HOST": "gpu-2"})
    any_server = SourceListing(SourcePlace(SOURCES["openai-compatible"], "http://any:1/v1"), 0.0)
    assert is_called_at(own.model("c"), any_server, {"ANY_SERVER": "http://any:1/v1/"})
    assert not is_called_at(own.model("d"), any_server, {})
    at_router = replace(own.model("c"), provider_model="openrouter/c", api_base="http://any:1/v1")
    assert not is_called_at(at_router, openrouter(), {})
