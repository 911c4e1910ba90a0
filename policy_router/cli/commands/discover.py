"""The `discover` command: what the sources of models offer, and what the policy should follow."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.base_errors import UsageError
from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.options.policy import Where, choose, open_policy
from policy_router.cli.options.store import State
from policy_router.cli.output import cause, fail, inform, progress, show, show_json, write
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.discovery.cache import DiscoveryCache
    from policy_router.discovery.changes import ModelChange
    from policy_router.discovery.query_sources import SourceListing, SourcePlace
    from policy_router.language.write.editable import EditablePolicy
    from policy_router.views.discovery import Discovery

_MONTH = 30 * 86_400.0
_FRESH = 3_600.0


def discover(
    *,
    policy: Where = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            metavar="SOURCE",
            help="openrouter, ollama, lmstudio, vllm, each also as NAME=URL, or the URL of a "
            "server with OpenAI's API; repeatable. [those of the policy]",
        ),
    ] = None,
    key_env: Annotated[
        str | None,
        typer.Option(
            "--key-env", metavar="NAME", help="The variable with the key for such a server."
        ),
    ] = None,
    patch: Annotated[
        Path | None,
        typer.Option("--patch", metavar="FILE", help="Write a patch of the policy to this file."),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a report of the last 30 days in Markdown.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Show every model that the policy does not have.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Ask the sources again, ignoring the cache.")
    ] = False,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="FILE", help="The cache file for responses."),
    ] = None,
    probe: Annotated[
        bool,
        typer.Option("--probe", help="Call each new model that a patch would add, for one token."),
    ] = False,
    state: State = None,
    within: Annotated[
        float,
        typer.Option("--within", metavar="SECONDS", help="Timeout for each source, in seconds."),
    ] = 20.0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the policy with the models on offer.

    \b
    policy-router discover
    policy-router discover --source ollama --source vllm=http://gpu-1:8000
    policy-router discover --patch models.diff && git apply -p0 models.diff
    policy-router discover --force --markdown > models.md
    policy-router discover --source ollama --probe

    Asks model servers and providers, and reports which models are new, no longer offered, more
    expensive, cheaper or free now, which have a different context, and which will be shut down
    within 30 days. Without --source, it asks the sources that the policy lists under `discovery`,
    else the servers of its models and the usual servers on this machine. Responses are cached for
    an hour, or as long as `discovery: { every }` says.

    Nothing is changed: --patch writes a diff, in which the tiers of new models are guessed and
    marked as guesses. A patch never gives a price to a model that was free. No model is called and
    nothing is charged, except with --probe, which asks each new model for one token and counts
    towards the policy's budgets.

    Exit code 0: the policy is up to date, 1: it should change, 2: wrong usage, 3: a source that it
    needs did not respond.
    """
    from policy_router.discovery.cache import DiscoveryCache, cache_file  # noqa: PLC0415  not for --help
    from policy_router.discovery.comparison import compare  # noqa: PLC0415  as above
    from policy_router.views import discovery as view  # noqa: PLC0415  as above

    path = choose(policy)
    opened = open_policy(path)
    places = _places(opened, source or (), key_env)
    remembered = DiscoveryCache(cache_file(os.environ) if cache is None else cache)
    oldest = -1.0 if force else _FRESH if (every := opened.discovery.every) is None else every
    listings = _look(places, remembered, oldest, within)
    changes = compare(opened, listings, remembered, os.environ, time.time(), everything=everything)
    editable, patched = _patched(path, opened, changes)
    probes = _probed(opened, patched, path, state) if probe and patched is not None else {}
    discovery = _discovery(listings, changes, remembered, editable, probes)
    if patch is not None:
        _write_patch(patch, discovery.patch)
    if json:
        show_json(view.as_json(discovery))
    elif markdown:
        write(view.as_markdown(discovery), sys.stdout)
    else:
        show(view.as_lines(discovery))
    if any(change.asks_for_an_edit for change in changes):
        raise typer.Exit(ExitCode.FINDINGS)
    if any(each.problem and each.place.expected for each in listings):
        raise typer.Exit(ExitCode.FAILED)


def _places(
    policy: "Policy", named: "Sequence[str]", key_env: str | None
) -> "tuple[SourcePlace, ...]":
    from policy_router.discovery.source_places import named_place, places_of  # noqa: PLC0415  not for --help

    if not named:
        return places_of(policy.models, policy.discovery.sources, os.environ)
    try:
        return tuple(named_place(text, os.environ, key_env) for text in named)
    except UsageError as problem:
        raise typer.BadParameter(printable(str(problem)), param_hint="--source") from None


def _look(
    places: "Sequence[SourcePlace]", cache: "DiscoveryCache", oldest: float, within: float
) -> "list[SourceListing]":
    """What each place offers: as it is remembered, or else asked now."""
    from policy_router.discovery.query_sources import look  # noqa: PLC0415  not needed for --help

    now = time.time()
    known: dict[str, SourceListing | None] = {
        place.key: cache.listing(place, now, oldest) for place in places
    }
    unknown = [place for place in places if known[place.key] is None]
    if unknown:
        with progress("asking the sources of models", len(unknown)) as advance:
            answers = asyncio.run(look(unknown, os.environ, within=within, on_answer=advance))
        for listing in answers:
            cache.remember(listing)
            known[listing.place.key] = listing
        try:
            cache.save()
        except OSError as problem:
            inform(printable(f"the cache cannot be written: {cause(problem)}"))
    listings = (known[place.key] for place in places)
    return [listing for listing in listings if listing is not None]


def _patched(
    path: Path, policy: "Policy", changes: "Sequence[ModelChange]"
) -> "tuple[EditablePolicy | None, Policy | None]":
    """The files as the changes ask for them, and that policy; None where nothing can be edited."""
    from policy_router.cli.policy_files import checked, read_sources  # noqa: PLC0415  not for --help
    from policy_router.discovery.patches import patch  # noqa: PLC0415  as above
    from policy_router.language.write.editable import EditablePolicy  # noqa: PLC0415  as above

    try:
        editable = EditablePolicy(read_sources(path))
    except UsageError as problem:
        inform(printable(f"no patch: {problem}"))
        return None, None
    patch(editable, policy, changes, paid=bool(policy.discovery.only))
    verdict = checked(editable.before, editable.after)
    if verdict.errors:
        message = f"no patch: the policy would have an error: {verdict.errors[0].message}"
        inform(printable(message))
        return None, None
    return editable, verdict.report.policy


def _probed(policy: "Policy", patched: "Policy", path: Path, state: str | None) -> "dict[str, str]":
    """How each model that a patch would add answers, as text."""
    from policy_router.cli.model_calls import probed, where_counted  # noqa: PLC0415  not for --help
    from policy_router.views.probes import spelled_outcome  # noqa: PLC0415  as above

    names = [name for name in patched.models_by_name if name not in policy.models_by_name]
    if not names:
        return {}
    outcomes = probed(patched, names, where_counted(policy, path, state))
    return {each.model.name: spelled_outcome(each) for each in outcomes}


def _discovery(
    listings: "Sequence[SourceListing]",
    changes: "Sequence[ModelChange]",
    cache: "DiscoveryCache",
    editable: "EditablePolicy | None",
    probes: "Mapping[str, str]",
) -> "Discovery":
    from policy_router.language.write.text_edit import difference  # noqa: PLC0415  not for --help
    from policy_router.views.discovery import Discovery  # noqa: PLC0415  as above

    now = time.time()
    good = [each for each in listings if not each.problem]
    return Discovery(
        listings,
        changes,
        now,
        "" if editable is None else difference(editable.before, editable.after),
        frozenset(
            each.place.key
            for each in good
            if not each.place.source.local and cache.is_first_look(each.place)
        ),
        {each.place.key: cache.history(each.place, now - _MONTH) for each in good},
        probes,
    )


def _write_patch(file: Path, diff: str) -> None:
    try:
        file.write_text(diff, encoding="utf-8", newline="")
    except OSError as problem:
        fail(printable(f"cannot write {file}: {cause(problem)}"))
    inform(
        printable(f"wrote {file}" if diff else f"wrote {file}, which is empty: nothing to change")
    )
