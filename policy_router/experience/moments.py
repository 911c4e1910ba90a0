"""Means, with their variance, of values that come in clusters, such as the requests of one user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Moments:
    """The sums that determine a mean and its variance.

    Values of one cluster may depend on each other, those of different clusters may not. Where each
    value is a cluster of its own, `variance` is the usual one.

    Attributes:
        clusters: How many clusters have a value.
        count: How many values there are.
        total: Their sum.
        count_squares: The sum, over the clusters, of the square of their count.
        total_squares: The sum of the square of their total.
        products: The sum of the product of both.
    """

    clusters: int = 0
    count: int = 0
    total: float = 0.0
    count_squares: float = 0.0
    total_squares: float = 0.0
    products: float = 0.0

    @classmethod
    def of(cls, clusters: Iterable[tuple[int, float]]) -> Moments:
        """Return the moments of clusters, each the count and the total of its values."""
        filled = [(count, total) for count, total in clusters if count]
        return cls(
            clusters=len(filled),
            count=sum(count for count, _ in filled),
            total=sum(total for _, total in filled),
            count_squares=sum(count * count for count, _ in filled),
            total_squares=sum(total * total for _, total in filled),
            products=sum(count * total for count, total in filled),
        )

    @property
    def mean(self) -> float:
        """The mean of the values; 0 without any."""
        return self.total / self.count if self.count else 0.0

    @property
    def effective_clusters(self) -> float:
        """The equivalent number of clusters of equal size; fewer than `clusters` if a few of them
        have most of the values."""
        return self.count * self.count / self.count_squares if self.count_squares else 0.0

    @property
    def variance(self) -> float:
        """The variance of the mean times the count; 0 with fewer than two clusters.

        For independent values it is their variance. If the values in a cluster are correlated it is
        greater, because they carry less information.
        """
        if self.clusters <= 1:
            return 0.0
        mean = self.mean
        squares = self.total_squares - 2 * mean * self.products + mean * mean * self.count_squares
        return max(0.0, squares) / self.count * self.clusters / (self.clusters - 1)
