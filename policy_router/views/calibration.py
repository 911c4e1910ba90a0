"""Renders a calibration: YAML for a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.classification.calibration.propose import EACH
from policy_router.classification.classifier import HEURISTIC

if TYPE_CHECKING:
    from policy_router.classification.calibration.measures import Figure
    from policy_router.classification.calibration.propose import Proposal
    from policy_router.decision.policy import Policy


def as_yaml(proposal: Proposal, policy: Policy, fitted_to: str) -> str:
    """Return a proposal as a `complexity` section, with its figures as comments.

    Args:
        proposal: The proposal to show.
        policy: The policy whose weights and bands it replaces.
        fitted_to: How many requests it was fitted to, as text.
    """
    order, bands = proposal.figures
    unfitted = ", ".join(policy.bands[index].name for index in proposal.unfitted)
    lines = [f"# {fitted_to}; each figure comes from requests that were not used for fitting."]
    estimator = policy.complexity.estimator
    if estimator != HEURISTIC:
        lines += [
            f"# Figures use the heuristic's scores; your policy uses the `{estimator}` estimator:",
            "# the weights only matter for the heuristic, and other scores may need other bands.",
        ]
    if unfitted:
        lines += [
            f"# Too few labels to fit the start of {unfitted}: each half needs {EACH} distinct",
            "# prompts. A start that is not fitted keeps its place between the others.",
        ]
    lines += ["complexity:"] if proposal.weights or proposal.starts else []
    lines.append(_comment(order, "weights", kept=proposal.weights is None))
    if proposal.weights is not None:
        weights = proposal.weights
        lines.append("  weights:")
        lines += [f"    {name}: {getattr(weights, name):.0%}" for name in weights.__slots__]
    lines.append(_comment(bands, "bands", kept=proposal.starts is None))
    if proposal.starts is not None:
        lines.append("  bands:")
        for band, start in zip(policy.bands, proposal.starts, strict=True):
            tier = "" if band.min_tier is None else f", min_tier: {policy.tiers[band.min_tier]}"
            lines.append(f"    {band.name}: {{ from: {start:g}{tier} }}")
    return "\n".join(lines) + "\n"


def _comment(figure: Figure, section: str, *, kept: bool) -> str:
    change = f"{figure.then - figure.now:+.3f} [{figure.low:+.3f}, {figure.high:+.3f}]"
    reason = f": may be chance, so your {section} stay" if kept else ""
    return f"  # {figure.name}: {figure.now:.3f} -> {figure.then:.3f}, {change}{reason}"
