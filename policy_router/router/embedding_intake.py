"""Turns what a caller wants to have embedded into a Request, without any IO."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.base_errors import UsageError
from policy_router.classification.detect.detector import kinds_in
from policy_router.classification.reading import read_request
from policy_router.classification.tokens.estimate import MESSAGE, weigh
from policy_router.decision.abilities import EMBEDDINGS
from policy_router.domain.aliases import ANY_MODEL
from policy_router.domain.request import UNBOUNDED
from policy_router.intake import Intake, make_request, read_deadline, read_facts, read_words
from policy_router.options import EMBEDDING_OPTIONS, FACTS
from policy_router.providers.requests.body import refusal
from policy_router.providers.requests.embedding_body import EmbeddingBody

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.options import EmbeddingOptions
    from policy_router.providers.requests.bounds import Bounds

_NEEDS: Final = frozenset({EMBEDDINGS})


def take_in_embeddings(
    policy: Policy, given: object, options: EmbeddingOptions, bounds: Bounds
) -> tuple[Intake, EmbeddingBody]:
    """Make a Request from what is to be embedded, the caller's identity and its constraints.

    Nothing is classified: the task is the one that the caller names, or the default of the policy.
    A session is a fact like any other: it neither keeps the model nor is kept by it.

    Args:
        policy: The policy, which says what sensitive text is looked for.
        given: What is to be embedded.
        options: Everything else, by name.
        bounds: How large the request may be.

    Raises:
        UsageError: An option is unknown, or a value has the wrong type.
        TooLargeError: The request is beyond the bounds.
    """
    for name in options:
        if name not in EMBEDDING_OPTIONS:
            raise UsageError(refusal(name, EMBEDDING_OPTIONS))
    stated = {name: value for name, value in options.items() if name in FACTS}
    facts = read_facts(stated, bounds)
    body = EmbeddingBody(given, options.get("dimensions"), options.get("encoding_format"), bounds)
    texts = [each for each in body.inputs if isinstance(each, str)]
    sizes = [
        (len(each), len(each)) if isinstance(each, list) else (weigh(each).tokens, weigh(each).most)
        for each in body.inputs
    ]
    reading = replace(
        read_request({}, headers=facts.get("headers")),
        tokens=sum(tokens for tokens, _ in sizes),
        # Models add a mark at the beginning and the end of each input.
        max_input_tokens=min(sum(most + MESSAGE for _, most in sizes), UNBOUNDED),
        detected=kinds_in(texts, policy.detect) if policy.detect else frozenset(),
    )
    request = make_request(
        facts,
        reading,
        None,
        needs=read_words("needs", facts.get("needs")) | _NEEDS,
        cap=None,
        answers=0,
        stream=False,
        is_bounded=True,
    )
    request = replace(
        request,
        largest_input=max(tokens for tokens, _ in sizes),
        # A caller who names a model, or an alias that lists several, has chosen the vectors.
        one_space=request.model is None
        or (request.model == ANY_MODEL and policy.alias(ANY_MODEL) is None),
    )
    return Intake(request, deadline=read_deadline(facts.get("deadline"))), body
