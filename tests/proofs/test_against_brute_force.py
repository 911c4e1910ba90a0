"""Proofs of random small policies against requests on both sides of every constant."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.generate import condition, policies, trees
from tests.proofs.differential import compare


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_request_disagrees_with_a_proof(data: st.DataObject) -> None:
    policy = data.draw(policies(max_rules=4))
    vocabulary = policy.vocabulary
    when = data.draw(st.none() | trees(vocabulary).map(lambda tree: condition(tree, vocabulary)))
    compare(policy, when, most=60)
