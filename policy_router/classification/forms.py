"""The form of a request: what it is made of, whatever it is about.

Which model succeeds depends on the form more than on the topic, and few forms need few outcomes to
learn from.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from policy_router.classification.kinds import is_code

if TYPE_CHECKING:
    from policy_router.classification.features import Features


class Form(StrEnum):
    """What a request is made of. The first that fits counts, in this order."""

    TOOLS = "tools"  # tools are offered for this request in particular
    CHOICES = "choices"  # at least three lettered choices
    CODE = "code"
    FORMULAE = "formulae"
    PLAIN = "plain"


def form_of(features: Features) -> Form:
    """Return the form of a request, given the counts of what its user asks last."""
    text = features.text
    if features.own_tools:
        return Form.TOOLS
    if text.options > 2:
        return Form.CHOICES
    if is_code(text):
        return Form.CODE
    if text.formulae > 1 or (text.formulae and text.terms) or text.maths > 2:
        return Form.FORMULAE
    return Form.PLAIN
