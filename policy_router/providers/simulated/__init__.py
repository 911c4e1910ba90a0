"""Simulates a provider: a scripted server on loopback with the APIs of OpenAI and of Anthropic.

with Simulated({"big": Fail(429, retry_after=7), "small": Say("hello")}) as provider:
    ...  # call provider.url + "/chat/completions"
    provider.requests  # what arrived
"""

from policy_router.providers.simulated.behaviour import (
    Behaviour,
    ByBody,
    Cut,
    Fail,
    Garble,
    RateLimited,
    Redirect,
    Say,
    Stall,
)
from policy_router.providers.simulated.server import Hit, Simulated

__all__ = [
    "Behaviour",
    "ByBody",
    "Cut",
    "Fail",
    "Garble",
    "Hit",
    "RateLimited",
    "Redirect",
    "Say",
    "Simulated",
    "Stall",
]
