"""The `suggest` command: changes of the policy that its outcomes ask for."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.base_errors import PolicyRouterError
from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.options.journal import JournalOption, journal_of
from policy_router.cli.options.policy import choose, open_policy
from policy_router.cli.options.since import Since, beginning
from policy_router.cli.options.store import State, StoreLocation, location_of, opened
from policy_router.cli.output import fail, show, show_json
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.decision.policy import Policy
    from policy_router.domain.outcome import Outcome
    from policy_router.experience.counts import OutcomeCounts
    from policy_router.experience.nodes import OutcomeKey
    from policy_router.journal.address import JournalAddress
    from policy_router.suggestions.observed import RuleUse
    from policy_router.suggestions.traffic import Traffic


def suggest(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="POLICY", help="A policy file, or a folder of them. [policies/]"),
    ] = None,
    *,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", "-p", metavar="PATH", help="Same as POLICY."),
    ] = None,
    since: Since = "30d",
    patch: Annotated[
        Path | None,
        typer.Option("--patch", metavar="FILE", help="Write all patches to this file."),
    ] = None,
    journal: JournalOption = None,
    state: State = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Suggest changes to the policy, from recorded outcomes.

    \b
    policy-router suggest policy.yaml --since 30d
    policy-router suggest policies/ --patch changes.diff

    Each suggestion has its evidence with a 95 % confidence interval and, if possible, a patch that
    keeps comments. No policy file is changed. If POLICY is a relative path, `git apply -p0` or
    `patch -p0` in the same folder applies the file that `--patch` wrote. Outcomes are recorded
    while the policy's `learning` is on. Exit code 1: there are suggestions; 2: the store or the
    journal cannot be read, or FILE cannot be written.
    """
    from policy_router.language.files import read_files  # noqa: PLC0415  not needed for --help
    from policy_router.suggestions.observed import Observed  # noqa: PLC0415
    from policy_router.suggestions.registry import all_suggestions  # noqa: PLC0415
    from policy_router.views import suggestions as view  # noqa: PLC0415

    if path and policy:
        raise typer.BadParameter(
            "cannot be combined with POLICY; use one of them", param_hint="--policy"
        )
    began = beginning(since)
    path = choose(path or policy)
    opened_policy = open_policy(path)
    location = location_of(state, opened_policy.name, path)
    try:
        counted = asyncio.run(_counted(opened_policy, location, began))
        logged = _logged(opened_policy, journal_of(journal, location), began, named=bool(journal))
    except PolicyRouterError as error:
        fail(printable(str(error)))
    files, _ = read_files(path)
    sources = {
        file.name: file.data.decode("utf-8", "replace")
        for file in (() if files is None else files.files)
    }
    proposed = all_suggestions(
        Observed(opened_policy, sources, counted, *logged, today=datetime.now(UTC).date())
    )
    if patch is not None:
        from policy_router.language.write.text_edit import compatible, unified  # noqa: PLC0415

        edits = compatible(each.edits for each in proposed)
        try:
            patch.write_text(unified(edits, sources), encoding="utf-8", newline="")
        except OSError as problem:
            reason = (problem.strerror or str(problem)).lower()
            fail(printable(f"cannot write `{patch}`: {reason}"))
    if json:
        show_json(view.as_json(proposed, sources))
    else:
        show(view.as_lines(proposed, sources))
    if proposed:
        raise typer.Exit(ExitCode.FINDINGS)


async def _counted(
    policy: "Policy", location: StoreLocation, since: float
) -> "Mapping[OutcomeKey, OutcomeCounts]":
    from policy_router.experience.keeper import ExperienceKeeper  # noqa: PLC0415  not for --help
    from policy_router.experience.recorder import OutcomeRecorder  # noqa: PLC0415  as above

    async with opened(location) as store:
        recorder = OutcomeRecorder(lambda: policy)
        keeper = ExperienceKeeper(store, recorder, lambda: policy, clock=time.time)
        await keeper.exchange()
    return keeper.counted(since)


def _logged(
    policy: "Policy", address: "JournalAddress | None", since: float, *, named: bool
) -> "tuple[RuleUse | None, Traffic | None, tuple[Outcome, ...]]":
    """What the journal says; nothing without one, which is an error where it was named."""
    if address is None or (not named and address.file is not None and not address.file.exists()):
        return None, None, ()
    from policy_router.journal.reader import JournalReader  # noqa: PLC0415  not needed for --help
    from policy_router.suggestions.effects import recent_calls  # noqa: PLC0415
    from policy_router.suggestions.rule_use import rule_use  # noqa: PLC0415
    from policy_router.suggestions.traffic import traffic  # noqa: PLC0415

    with JournalReader(address) as reader:
        rules = rule_use(reader, policy.revision, since)
        return rules, traffic(reader, since), recent_calls(reader, since)
