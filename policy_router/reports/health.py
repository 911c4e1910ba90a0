"""Whether a policy, its models and its state store can be used."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Protocol

from policy_router.base_errors import UsageError
from policy_router.diagnostics import Severity
from policy_router.discovery.availability import (
    missing_addresses,
    missing_keys,
    silent_servers,
)
from policy_router.errors import StoreError
from policy_router.ledger.diagnosis import Diagnosis
from policy_router.ledger.doctor import diagnose
from policy_router.ledger.repair import set_time
from policy_router.ledger.store import Continuous
from policy_router.providers.model_list import lists_models

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from policy_router.check.report import Report
    from policy_router.discovery.live import LiveExamination
    from policy_router.ledger.store import Store


class ExaminedStore(Protocol):
    """The state store that is examined. Its text is its address without a password."""

    @property
    def url(self) -> str:
        """The address, which may hold a password."""
        ...

    def open_to_repair(self) -> AbstractAsyncContextManager[Store]:
        """Open the store so that a data loss can be accepted."""
        ...


async def examine(
    report: Report,
    path: Path,
    store: ExaminedStore | None,
    environ: Mapping[str, str],
    *,
    fix: bool = False,
    accept_loss: bool = False,
    live: LiveExamination | None = None,
    on_answer: Callable[[], None] = lambda: None,
) -> tuple[Diagnosis, ...]:
    """Examine a policy, the keys and servers of its models, and its state store.

    Args:
        report: The result of checking the policy.
        path: The path of the policy.
        store: The state store; None when its address is unknown.
        environ: The environment variables. The keys in them are not read, only their names.
        fix: Whether to set the time of the store to this machine's clock, if it differs.
        accept_loss: Whether to accept the data loss of the store, if there is one.
        live: What to ask the servers of the models; None to ask nothing.
        on_answer: Called when one of them has answered, or will not.

    Returns:
        The diagnoses: of the policy, of missing keys and addresses, of servers that do not answer,
        of the models there, of the store.

    Raises:
        UsageError: The address of the store is invalid.
    """
    models = () if report.policy is None else report.policy.models
    return (
        _policy(report, path),
        *missing_keys(models, environ),
        *missing_addresses(models, environ),
        *await silent_servers(
            models if live is None else [m for m in models if not lists_models(m)], environ
        ),
        *(() if live is None else await live.ask(on_answer)),
        *await _store(store, fix=fix, accept_loss=accept_loss),
    )


def _policy(report: Report, path: Path) -> Diagnosis:
    policy = report.policy
    if policy is None:
        errors = [d for d in report.diagnostics if d.severity is Severity.ERROR]
        if not report.sources:
            help_ = "name a policy with --policy, or write one with `policy-router init`"
            return Diagnosis("policy", Severity.ERROR, errors[0].message, help_)
        text = f"{_count(len(errors), 'error')} in {path}, the first: {errors[0].message}"
        return Diagnosis("policy", Severity.ERROR, text, f"run `policy-router check {path}`")
    warnings = len(report.findings)
    limits = {(limit.section, limit.name) for limit in policy.limits}
    text = f"{policy.name} @{policy.revision[:7]}: {_count(len(policy.models), 'model')}"
    counted = {0: "no limits or budgets", 1: "1 limit or budget"}
    text += f", {counted.get(len(limits), f'{len(limits)} limits and budgets')}"
    if warnings:
        text += f"; {_count(warnings, 'warning')}"
        return Diagnosis("policy", Severity.WARNING, text, f"run `policy-router check {path}`")
    return Diagnosis("policy", Severity.NOTE, text)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


async def _store(
    store: ExaminedStore | None, *, fix: bool, accept_loss: bool
) -> tuple[Diagnosis, ...]:
    """Examine the store, repaired first as requested."""
    if store is None:
        text = "not checked: its address is unknown without a policy"
        help_ = "name it with --state or $POLICY_ROUTER_STATE"
        return (Diagnosis("state", Severity.NOTE, text, help_),)
    diagnoses = await _state(store, accept_loss=accept_loss)
    if not fix:
        return diagnoses
    if not any(diagnosis.subject == "time" for diagnosis in diagnoses):
        text = "the ledger's time agrees with this machine's clock: nothing was changed"
        return (*diagnoses, Diagnosis("fixed", Severity.NOTE, text))
    return (await _set_time(store.url), *await _state(store, accept_loss=False))


async def _state(store: ExaminedStore, *, accept_loss: bool) -> tuple[Diagnosis, ...]:
    diagnoses = [Diagnosis("state", Severity.NOTE, str(store))]
    try:
        if accept_loss:
            diagnoses.append(await _accept_loss(store))
        return (*diagnoses, *await diagnose(store.url))
    except StoreError as error:
        return (*diagnoses, Diagnosis("store", Severity.ERROR, str(error)))


async def _accept_loss(store: ExaminedStore) -> Diagnosis:
    """Accept the data loss of a store. Raises StoreError when the store cannot be used."""
    async with store.open_to_repair() as opened:
        loss = await opened.accept_loss() if isinstance(opened, Continuous) else None
    if loss is None:
        return Diagnosis("accept-loss", Severity.NOTE, "no data was lost: nothing to accept")
    text = f"accepted: {loss.text}; budgets are open again in all processes"
    return Diagnosis("accept-loss", Severity.NOTE, text)


async def _set_time(url: str) -> Diagnosis:
    """Set the time of the ledger to the clock of this machine."""
    try:
        done = await asyncio.to_thread(set_time, url)
    except (StoreError, UsageError) as error:
        return Diagnosis("fixed", Severity.ERROR, str(error))
    text = f"the ledger's time was {_iso(done.before)} and is {_iso(done.after)} now"
    if done.before > done.after:
        text += "; amounts counted in future periods stay in those periods"
    return Diagnosis("fixed", Severity.NOTE, text)


def _iso(moment: float) -> str:
    """Write a Unix time in ISO 8601, rounded up to whole seconds."""
    return datetime.fromtimestamp(ceil(moment), UTC).isoformat()
