from __future__ import annotations

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router import units
from policy_router.domain.money import NANO_PER_USD
from policy_router.units import Cap, Rate, Unit

UNITS = {name: unit for name, unit in sorted(vars(units).items()) if isinstance(unit, Unit)}

READ = [
    (units.COUNT, "0", 0),
    (units.COUNT, "8192", 8192),
    (units.COUNT, "32k", 32_000),
    (units.COUNT, "1.5K", 1_500),
    (units.COUNT, "1M", 1_000_000),
    (units.COUNT, "0.000001M", 1),
    (units.COUNT, "999999999999", 999_999_999_999),
    (units.MONEY, "$0", 0),
    (units.MONEY, "$0.10", NANO_PER_USD // 10),
    (units.MONEY, "$0.000000001", 1),
    (units.MONEY, "$50", 50 * NANO_PER_USD),
    (units.PRICE, "$0.10/M", NANO_PER_USD // 10),
    (units.PRICE, "$0.0001/K", NANO_PER_USD // 10),
    (units.PRICE, "$2.50/M", 5 * NANO_PER_USD // 2),
    (units.DURATION, "500ms", 0.5),
    (units.DURATION, "60s", 60.0),
    (units.DURATION, "1.5m", 90.0),
    (units.DURATION, "2h", 7200.0),
    (units.WAIT, "0.001s", 0.001),
    (units.SOME_TOKENS, "10k", 10_000),
    (units.PERCENT, "0%", 0.0),
    (units.PERCENT, "12.5%", 0.125),
    (units.PERCENT, "100%", 1.0),
    (units.SIZE, "8GB", 8 * 10**9),
    (units.SIZE, "512MB", 512 * 10**6),
    (units.SIZE, "1.5TB", 1500 * 10**9),
    (units.REQUESTS, "20/min", Rate(20, "requests", "min")),
    (units.TOKENS, "200k/hour", Rate(200_000, "tokens", "hour")),
    (units.LIMIT, "50/min", Rate(50, "requests", "min")),
    (units.LIMIT, "50 requests/day", Rate(50, "requests", "day")),
    (units.LIMIT, "400k tokens/min", Rate(400_000, "tokens", "min")),
    (units.LIMIT, "4 concurrent", Rate(4, "concurrent")),
    (units.LIMIT, "900/5h", Rate(900, "requests", "5h")),
    (units.LIMIT, "1M tokens/3d", Rate(1_000_000, "tokens", "3d")),
    (units.LIMIT, "50/month", Rate(50, "requests", "month")),
    (units.REQUESTS, "10/30s", Rate(10, "requests", "30s")),
    (units.REQUESTS, "2000/week", Rate(2000, "requests", "week")),
    (units.TOKENS, "1M/90min", Rate(1_000_000, "tokens", "90min")),
    (units.CAP, "$5/5h", Cap(5 * NANO_PER_USD, "usd", "5h")),
    (units.CAP, "$2", Cap(2 * NANO_PER_USD)),
    (units.CAP, "500k tokens", Cap(500_000, "tokens")),
    (units.CAP, "$50/month", Cap(50 * NANO_PER_USD, "usd", "month")),
    (units.CAP, "1M tokens/week", Cap(1_000_000, "tokens", "week")),
    (units.CAP, "unlimited", Cap(None)),
    (units.HOUR_RANGE, "01:00-04:00", (60, 240)),
    (units.HOUR_RANGE, "9:30-24:00", (570, 1440)),
    (units.HOUR_RANGE, "22:00-06:00", (1320, 360)),
    (units.DAY_RANGE, "sun", (6,)),
    (units.DAY_RANGE, "mon-fri", (0, 1, 2, 3, 4)),
    (units.DAY_RANGE, "sat-mon", (5, 6, 0)),
    (units.USED, "50/day", "50/day"),
    (units.USED, "1k tokens/hour", "1k tokens/hour"),
]


@pytest.mark.parametrize(("unit", "text", "value"), READ, ids=[f"{u.name} {t}" for u, t, _ in READ])
def test_what_a_text_means(unit: Unit, text: str, value: object) -> None:
    found = unit.parse(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        (units.COUNT, ""), (units.COUNT, "-1"), (units.COUNT, "1.5"), (units.COUNT, "32kb"),
        (units.COUNT, "32 k"), (units.COUNT, "32m"), (units.COUNT, "1e3"), (units.COUNT, "k"),
        (units.COUNT, "1_000"), (units.COUNT, "32k\n"), (units.COUNT, "٣"),
        (units.COUNT, "1.0000M1"), (units.COUNT, "1.2345k"), (units.COUNT, "9999999999999"),
        (units.MONEY, "5"), (units.MONEY, "-$5"), (units.MONEY, "$-5"), (units.MONEY, "5$"),
        (units.MONEY, "$5,000"), (units.MONEY, "€5"), (units.MONEY, "$.5"), (units.MONEY, "$1."),
        (units.MONEY, "$0.0000000001"),
        (units.PRICE, "$0.10"), (units.PRICE, "0.10/M"), (units.PRICE, "$0.10/m"),
        (units.PRICE, "$0.10/k"), (units.PRICE, "$0.10/M tokens"),
        (units.DURATION, "60"), (units.DURATION, "60 s"), (units.DURATION, "1d"),
        (units.DURATION, "-1s"), (units.DURATION, "1m30s"), (units.DURATION, "s"),
        (units.PERCENT, "80"), (units.PERCENT, "101%"), (units.PERCENT, "100.5%"),
        (units.PERCENT, "-1%"), (units.PERCENT, "0.8"), (units.PERCENT, "80%\n"),
        (units.SIZE, "8"), (units.SIZE, "8GiB"), (units.SIZE, "8gb"), (units.SIZE, "8 GB"),
        (units.REQUESTS, "20"), (units.REQUESTS, "20/s"), (units.REQUESTS, "20/minute"),
        (units.REQUESTS, "2k/min"), (units.REQUESTS, "20 / min"), (units.REQUESTS, "/min"),
        (units.TOKENS, "200k"), (units.TOKENS, "200k tokens/hour"),
        (units.LIMIT, "50"), (units.LIMIT, "concurrent"), (units.LIMIT, "4k concurrent"),
        (units.LIMIT, "400k/min"), (units.LIMIT, "50/year"), (units.LIMIT, "4 concurrent/min"),
        (units.LIMIT, "50/0h"), (units.LIMIT, "50/5"), (units.LIMIT, "50/1.5h"),
        (units.LIMIT, "50/5 h"), (units.LIMIT, "50/5hours"), (units.LIMIT, "50/2w"),
        (units.REQUESTS, "20/h"), (units.REQUESTS, "20/12345678s"), (units.REQUESTS, "20/5H"),
        (units.CAP, "50"), (units.CAP, "50/month"), (units.CAP, "$50/year"), (units.CAP, "$5/"),
        (units.CAP, "1M/day"), (units.CAP, "Unlimited"), (units.CAP, "unlimited/day"),
        (units.USED, "50"), (units.USED, "$5/day"),
        (units.WAIT, "0s"), (units.WAIT, "0.000h"), (units.WAIT, "00ms"), (units.WAIT, "5"),
        (units.SOME_TOKENS, "0"), (units.SOME_TOKENS, "0.0k"), (units.SOME_TOKENS, "1.5"),
    ],
)  # fmt: skip
def test_what_no_unit_means(unit: Unit, text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        unit.parse(text)


@given(st.data(), st.sampled_from(sorted(UNITS)))
def test_every_text_of_the_pattern_is_read(data: st.DataObject, name: str) -> None:
    unit = UNITS[name]
    text = data.draw(st.from_regex(unit.pattern.removesuffix("$") + r"\Z", fullmatch=True))
    if name == "CLOCK" and lacks_its_day(text):
        with pytest.raises(ValueError, match="is not a day of the calendar"):
            unit.parse(text)
        return
    assert unit.parse(text) == unit.parse(text)
    assert not isinstance(unit.parse(text), int) or unit.parse(text) >= 0  # type: ignore[operator]


def lacks_its_day(text: str) -> bool:
    """Whether a time has a date such as 2026-02-31."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return text[4:5] == "-"
    return False


NEAR = st.text("0123456789.kKM$/%msh GBTinday -+eunlimited\n", max_size=12)


@given(NEAR | st.text(max_size=8), st.sampled_from(sorted(UNITS)))
def test_what_the_pattern_refuses_is_not_read(text: str, name: str) -> None:
    unit = UNITS[name]
    if re.search(unit.pattern.removesuffix("$") + r"\Z", text):
        unit.parse(text)
    else:
        with pytest.raises(ValueError, match="is not a"):
            unit.parse(text)


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS.keys())
def test_examples_are_of_their_kind(unit: Unit) -> None:
    assert unit.examples
    for example in unit.examples:
        unit.parse(example)
