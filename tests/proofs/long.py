"""The differential tests of proofs, on as many policies as one has time for.

    python -m tests.proofs.long [--policies 3000] [--requests 400] [--z3 100] [--served 100]

Random small policies are compared with requests on both sides of every constant; larger ones with
z3. Then a server gets random private calls. It prints how many promises had which verdict and how
many private texts stayed, and fails at the first disagreement or leak.
"""

from __future__ import annotations

import argparse
from collections import Counter

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.generate import condition, policies, trees
from tests.proofs.differential import compare
from tests.proofs.served.world import places, run
from tests.proofs.smt import compare_with_z3


def brute(count: int, requests: int) -> Counter[str]:
    """Compare so many small policies with requests that are tried."""
    verdicts: Counter[str] = Counter()

    @settings(
        max_examples=count, deadline=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate], database=None,
    )  # fmt: skip
    @given(st.data())
    def law(data: st.DataObject) -> None:
        policy = data.draw(policies(max_rules=5))
        vocabulary = policy.vocabulary
        when = data.draw(st.none() | trees(vocabulary).map(lambda t: condition(t, vocabulary)))
        verdicts.update(compare(policy, when, requests))
        verdicts["policies"] += 1

    law()
    return verdicts


def served(runs: int) -> Counter[str]:
    """Send random private calls to a server, in so many runs."""
    texts: Counter[str] = Counter()
    with places() as at:
        for seed in range(runs):
            seen = run(at, seed)
            assert not seen.broken, (seed, seen)
            texts.update({"private, near": seen.near, "others, far": seen.far})
    return texts


def main() -> None:
    """Compare, and print the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policies", type=int, default=3_000)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--z3", type=int, default=100)
    parser.add_argument("--served", type=int, default=100)
    options = parser.parse_args()
    print("requests:", dict(brute(options.policies, options.requests)))  # noqa: T201  its answer
    verdicts: Counter[str] = Counter()
    for seed in range(options.z3):
        verdicts.update(compare_with_z3(rules=60, models=12, seed=seed))
    print("z3:", dict(verdicts))  # noqa: T201  as above
    print("served:", dict(served(options.served)))  # noqa: T201  as above


if __name__ == "__main__":
    main()
