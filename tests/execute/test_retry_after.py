from __future__ import annotations

import pytest

from policy_router.execute.retry_after import retry_after

NOW = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0.0),
        ({"retry-after": "Tue, 99 Nov 2023"}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "1"}, 1.0),
        ({"retry-after": "1e12"}, 0.0),
        ({"retry-after": "99999999"}, 31 * 86400.0),
        ({"x-ratelimit-reset": "12"}, 12.0),
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
        ({"x-ratelimit-reset-tokens": "6 minutes", "x-ratelimit-remaining-tokens": "0"}, None),
        ({"x-ratelimit-remaining-tokens": "0"}, None),
    ],
)
def test_headers(headers: dict[str, str], seconds: float | None) -> None:
    found = retry_after(headers, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))
