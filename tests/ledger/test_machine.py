"""Every store obeys the laws and the model, whatever is done to it. The long form is
`python -m tests.ledger.long`."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ledger.machine import machine
from tests.ledger.servers import collect_leftovers
from tests.ledger.stores import STORES

EXAMPLES = {"memory": 100}
"""More where they cost least."""


@pytest.mark.parametrize("store", STORES)
def test_a_store_obeys_the_laws_and_the_model(store: str) -> None:
    collect_leftovers()
    run_state_machine_as_test(
        machine(store),
        settings=settings(max_examples=EXAMPLES.get(store, 40), stateful_step_count=40),
    )
