"""a value for reports that no report can use

GPU hours need both the memory that a model takes and the memory of a GPU. Savings against
one model need its price.

Bad:
    reports:
      gpu: { memory: 80GB, price: $2.50/hour }
    models:
      x: { model: hosted_vllm/x, tier: heavy, price: free, context: 32k }

Good:
    reports:
      gpu: { memory: 80GB, price: $2.50/hour }
    models:
      x: { model: hosted_vllm/x, tier: heavy, price: free, context: 32k, gpu_memory: 40GB }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic

_RULE: Final = "report-without-effect"


def check(subject: Subject) -> Iterator[Diagnostic]:
    policy, places = subject.policy, subject.draft.places
    reports = policy.reports
    own = [model for model in policy.models if model.gpu_memory is not None]
    if own and reports.gpu is None:
        yield note(
            _RULE,
            f"no report uses the memory of `{own[0].name}`: the policy does not say what its "
            "GPUs are",
            places.key(("models", own[0].name, "gpu_memory")),
            "add  reports: { gpu: { memory: 80GB, price: $2.50/hour } }",
        )
    if reports.gpu is not None and not own:
        yield note(
            _RULE,
            "no report has GPU hours: no model has `gpu_memory`",
            places.key(("reports", "gpu")),
            "add  gpu_memory: 40GB  to the models that run on these GPUs",
        )
    for name, baseline in reports.baselines.items():
        model = policy.models_by_name.get(baseline)
        if model is not None and model.price is None:
            yield note(
                _RULE,
                f"what is saved against `{name}` stays unknown: `{baseline}` has no price",
                places.key(("reports", "baselines", name)),
                f"add a price to `{baseline}`, or name another model",
            )
