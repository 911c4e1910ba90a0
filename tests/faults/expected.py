"""What has to follow each class of failure, written down apart from the code that does it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

AGAIN: Final = frozenset(
    {"connect", "server_error", "conflict", "connection_lost", "stream_broken"}
)
"""Called once more before the next model, unless the provider names a long time to wait."""
STOPS: Final = frozenset({"content_policy", "invalid_request"})
"""No other model is called."""
RESTS: Final = {
    "rate_limited": 5.0,
    "overloaded": 10.0,
    "quota_exhausted": 900.0,
    "credential": 600.0,
    "forbidden": 600.0,
    "model_gone": 600.0,
    "redirected": 600.0,
}
"""Seconds of rest that one failure causes where the provider names none; the others cause none."""
OF_REQUEST: Final = frozenset(
    {
        "bad_request",
        "cancelled",
        "conflict",
        "content_policy",
        "context_too_long",
        "deadline",
        "empty",
        "internal",
        "invalid_request",
        "refused",
        "unsupported",
    }
)
SCOPES: Final = {"quota_exhausted": "account", "credential": "key"}
"""What is out of service, where that is neither the request nor the model."""
BROKEN: Final = frozenset(
    {"connection_lost", "malformed", "model_gone", "overloaded", "server_error", "unknown"}
)
"""Classes that are a broken stream once text was given out."""
BILLED: Final = frozenset(
    {"timeout", "connection_lost", "malformed", "empty", "stream_broken", "deadline", "unknown"}
)
"""Classes in which the provider may have done the work."""

_CLIENTS_FAULT: Final = frozenset({400, 403, 404, 405, 413, 422})
"""The server's own status, or the provider's where its answer is passed on."""
STATUSES: Final = {
    **dict.fromkeys(
        ("bad_request", "content_policy", "context_too_long", "invalid_request", "unsupported"),
        _CLIENTS_FAULT,
    ),
    **dict.fromkeys(("rate_limited", "quota_exhausted"), frozenset({429})),
    **dict.fromkeys(("timeout", "deadline"), frozenset({504})),
    **dict.fromkeys(
        ("credential", "forbidden", "model_gone", "redirected", "connect", "conflict", "empty",
         "connection_lost", "malformed", "refused", "server_error", "unknown"),
        frozenset({502}),
    ),
    "overloaded": frozenset({503}),
}  # fmt: skip
"""The HTTP statuses that a client of the server may get, by the class of the only failure."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a fault must lead to.

    Attributes:
        kind: The class of the failure; None for a whole answer.
        scope: What is out of service; None for the usual one of the class.
        wait: Seconds of rest, where the provider names them.
        began: Whether text was given out before.
        billed: Whether it is charged by the provider's count, by the most that it can be, or not at
            all; None for the usual charge of the class.
        hits: Requests that the provider gets; None for the usual number of the class.
        finish: The finish reason of a whole answer.
        text: The text of a whole answer; None where it does not matter.
        early: Whether it may happen before the connection is open, or before anything was sent.
    """

    kind: str | None
    scope: str | None = None
    wait: float | None = None
    began: bool = False
    billed: str | None = None
    hits: int | None = None
    finish: str = "stop"
    text: str | None = None
    early: bool = False

    @property
    def alternatives(self) -> list[Expected]:
        """What may follow instead, by chance.

        Where some text and the fault behind it are taken out of the connection at once, the fault
        may come before the text was given out.
        """
        found = [self]
        if self.began:
            found.append(replace(self, began=False, billed="estimated"))
        if self.early:
            found += [replace(self, kind=kind, billed="nothing") for kind in (self.kind, "connect")]
        return found

    @property
    def reported(self) -> str | None:
        """The class that is reported of the attempt."""
        broke = self.began and self.kind in BROKEN and self.failed_scope != "request"
        return "stream_broken" if broke else self.kind

    @property
    def failed_scope(self) -> str:
        """What is out of service."""
        kind = self.kind or ""
        usual = "request" if kind in OF_REQUEST else SCOPES.get(kind, "model")
        return self.scope or usual

    @property
    def rest(self) -> float:
        """Seconds for which something rests after one such failure."""
        kind = self.reported or ""
        if self.failed_scope == "request" or kind == "stream_broken":
            return 0.0
        return RESTS.get(kind, 0.0) if self.wait is None else self.wait

    @property
    def calls(self) -> int:
        """Requests that the provider gets."""
        if self.hits is not None:
            return self.hits
        patient = self.wait is None or self.wait <= 2.0
        named = self.reported in AGAIN or (self.reported == "rate_limited" and self.wait)
        return 2 if named and patient else 1

    @property
    def charge(self) -> str:
        """How it is charged: `counted`, `estimated` or `nothing`."""
        if self.billed is not None:
            return self.billed
        if self.kind is None:
            return "counted"
        return "estimated" if self.began or self.kind in BILLED else "nothing"

    @property
    def outcomes(self) -> frozenset[str]:
        """How the request may end for its caller."""
        if self.kind is None:
            return frozenset({"answered"})
        if self.began:
            # Another model goes on where the text allows that; else the caller gets the error.
            return frozenset({"fell back", "broken"})
        return frozenset({"refused" if self.kind in STOPS else "fell back"})
