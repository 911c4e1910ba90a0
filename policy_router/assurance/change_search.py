"""What the searches for changes between two policies have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.assurance.policy_pair import Pair
    from policy_router.assurance.region import Region
    from policy_router.decision.policy import Policy


class ChangeSearch:
    """A search for requests that two policies decide differently in one respect.

    Attributes:
        regions: What was found, in the order in which it was found.
        doubts: Why some requests may be decided differently although none was found; a mapping for
            the order in which they came.
    """

    def __init__(self, pair: Pair, takes: Policy) -> None:
        """Prepare the search.

        Args:
            pair: The policies.
            takes: A policy with the common vocabulary, which requests are made for.
        """
        self._pair = pair
        self._takes = takes
        self.regions: list[Region] = []
        self.doubts: dict[str, None] = {}
