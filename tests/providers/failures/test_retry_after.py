from __future__ import annotations

from typing import Any

import pytest

from policy_router.providers.failures.retry_after import retry_after

NOW = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, None),
        ({"retry-after": "Tue, 99 Nov 2023"}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "1"}, 1.0),
        ({"retry-after": "1e12"}, None),
        ({"retry-after": "99999999"}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1m30s"}, 90.0),
        ({"retry-after": "2023-11-14T22:14:20Z"}, 60.0),
        ({"retry-after": "2023-11-14T22:14:20"}, 60.0),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"x-ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-reset": "12", "x-ratelimit-remaining": "3"}, None),
        ({"ratelimit-reset": "30", "ratelimit-remaining": "0"}, 30.0),
        (
            {
                "x-ratelimit-remaining-requests-day": "0",
                "x-ratelimit-reset-requests-day": "33011.4",
                "x-ratelimit-remaining-tokens-minute": "9",
                "x-ratelimit-reset-tokens-minute": "11",
            },
            33011.4,
        ),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2023-11-14T22:14:20Z",
                "anthropic-ratelimit-tokens-remaining": "800",
                "anthropic-ratelimit-tokens-reset": "2023-11-14T23:13:20Z",
            },
            60.0,
        ),
        (
            {
                "anthropic-ratelimit-unified-status": "rejected",
                "anthropic-ratelimit-unified-reset": "1700000900",
            },
            900.0,
        ),
        ({"x-ratelimit-remaining-tokens": "many", "x-ratelimit-reset-tokens": "9"}, None),
        ({"x-ratelimit-reset": "1700000060"}, 60.0),
        ({"x-ratelimit-reset": "1700000060000"}, 60.0),
        ({"x-ratelimit-reset-requests": "6m0s"}, None),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, 360.0),
        ({"x-ratelimit-reset-tokens": "20ms", "x-ratelimit-remaining-tokens": "0"}, 0.02),
        (
            {
                "x-ratelimit-reset-requests": "1h2m",
                "x-ratelimit-remaining-requests": "5",
                "x-ratelimit-reset-tokens": "1m30.5s",
                "x-ratelimit-remaining-tokens": "0",
            },
            90.5,
        ),
        ({"x-ratelimit-reset-tokens": "6 mice", "x-ratelimit-remaining-tokens": "0"}, None),
        ({"x-ratelimit-remaining-tokens": "0"}, None),
    ],
)
def test_headers(headers: dict[str, str], seconds: float | None) -> None:
    found = retry_after(headers, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


def google(quota: str, delay: Any) -> list[dict[str, Any]]:
    return [{"quotaId": quota}, {"retryDelay": delay}]


@pytest.mark.parametrize(
    ("objects", "seconds"),
    [
        (google("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "39.2s"), 39.2),
        (google("x", {"seconds": 39, "nanos": 5}), 39.0),
        # 14:13:20 in Los Angeles; the delay of 30 s says nothing about the day.
        (
            google("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "30s"),
            9 * 3600 + 46 * 60 + 40,
        ),
        ([{"quotaMetric": "requests_per_day"}], 9 * 3600 + 46 * 60 + 40),
        ([{"retry_after": 3}], 3.0),
        ([{"retry_after_ms": 1500.0}], 1.5),
        ([{"retry_after": True}, {"retryAfter": "20s"}], 20.0),
        (
            [{"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700021600000"}}],
            21600,
        ),
        ([{"headers": {"Retry-After": "4"}}], 4.0),
        ([{"message": "x"}], None),
    ],
)
def test_bodies(objects: list[dict[str, Any]], seconds: float | None) -> None:
    assert retry_after({}, NOW, objects) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Rate limit reached. Please try again in 7m12s. Visit https://x", 432.0),
        ("Please retry in 39.2s.", 39.2),
        ("Please retry after 21 seconds.", 21.0),
        ("Please try again in 6ms", 0.006),
        ("wait 2 minutes before the next request", 120.0),
        ("Limit resets in: 1h 5m", 3900.0),
        ("You will regain access on 2023-11-15 at 00:00 UTC.", 6400.0),
        ("You will regain access on 2023-11-01 at 00:00 UTC.", None),
        ("Try again in 5 mice", None),
        ("Try again later", None),
        ("try again in 99999 days", None),
        # 22:13:20 in UTC
        ("Rate limit exceeded: free-models-per-day. Add 10 credits", 6400.0),
    ],
)
def test_texts(text: str, seconds: float | None) -> None:
    found = retry_after({}, NOW, [], [text])
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_a_stated_reset_of_the_day_is_better_than_midnight() -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700021600000"}
    text = "Rate limit exceeded: free-models-per-day"
    assert retry_after({}, NOW, [{"headers": headers}], [text]) == pytest.approx(21600)
    assert retry_after({}, NOW, [{"headers": {}}], [text]) == pytest.approx(6400)


def test_headers_count_before_bodies_and_messages() -> None:
    said = ["try again in 20s"]
    assert retry_after({"retry-after": "7"}, NOW, [{"retryDelay": "9s"}], said) == 7
    assert retry_after({}, NOW, [{"retryDelay": "9s"}], said) == 9
