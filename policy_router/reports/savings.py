"""What was saved against a baseline: one model for everything, or the cheapest one that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.insight import CHEAPEST_THAT_FITS
from policy_router.reports.report import Saving

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.domain.models import Model
    from policy_router.domain.prices import Price
    from policy_router.journal.query import OutcomeSums


def savings(
    sums: Sequence[OutcomeSums],
    model_of: Callable[[OutcomeSums], Model | None],
    baselines: Mapping[str, str],
    models: Mapping[str, Model],
) -> tuple[Saving, ...]:
    """Compare what was charged with what each baseline costs for the same answers.

    Args:
        sums: What the outcomes of one group add up to, each of one model.
        model_of: Gives the model of sums; None where the policy no longer has it.
        baselines: Name of a baseline -> name of its model, or CHEAPEST_THAT_FITS.
        models: The models of the policy, by name.
    """
    # What an answer of a model without a price really cost is unknown, so nothing is compared.
    known = [each for each in sums if not _unpriced(model_of(each))]
    charged = sum(each.cost for each in known)
    answers = sum(each.served for each in sums)
    against = []
    for name, model in baselines.items():
        if model == CHEAPEST_THAT_FITS:
            compared = sum(each.fitted for each in known)
            cost: int | None = sum(each.fit_cost for each in known)
            left_out = sum(
                each.compared_cost + each.uncounted_cost - each.fitted_cost for each in known
            )
        else:
            compared = sum(each.compared for each in known)
            left_out = sum(each.uncounted_cost for each in known)
            price = models[model].price
            cost = None if price is None else _at_list_price(known, price)
        against.append(
            Saving(
                baseline=name,
                model=model,
                fair=model == CHEAPEST_THAT_FITS,
                cost=cost,
                spent=charged - left_out,
                compared=compared if cost is not None else 0,
                unknown=answers - compared if cost is not None else answers,
            )
        )
    return tuple(against)


def _unpriced(model: Model | None) -> bool:
    return model is not None and model.price is None


def _at_list_price(sums: Sequence[OutcomeSums], price: Price) -> int:
    """What the answers cost at a price without hours, for prompts of usual length.

    Returns:
        nano-USD, rounded up once.
    """
    tokens_in = sum(each.compared_in for each in sums)
    tokens_out = sum(each.compared_out for each in sums)
    cached = sum(each.compared_cached for each in sums)
    total = tokens_in * price.input + tokens_out * price.output
    if price.cached is not None:
        total += cached * (price.cached - price.input)
    return -(-total // 1_000_000) + price.fee * sum(each.compared for each in sums)
