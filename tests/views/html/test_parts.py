"""What each part of a page shows, as text, and that no text can become an element."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.views.html.blocks import blocks
from policy_router.views.html.charts import bar, interval, legend, parts_bar, sparkline
from policy_router.views.html.document import STATIC, Panel, served, standalone, static_file
from policy_router.views.html.figures import KeyFigure, badge, figures
from policy_router.views.html.flow import Ribbon, flow
from policy_router.views.html.heat_map import HeatRow, heat_map, level
from policy_router.views.html.markup import Markup, element, join, text
from policy_router.views.html.series import Series, time_series
from policy_router.views.html.tables import HtmlCell, table
from policy_router.views.lines import Table
from tests.views.html.seen import seen, tree

HOSTILE = "<script>alert('x')</script>\" onload=\"x & \u202egpj.exe"


@given(st.text(), st.text())
def test_text_and_attributes_stay_what_they_are(inner: str, outer: str) -> None:
    parsed = tree(element("p", inner, title=outer))
    (tag, attributes), *others = parsed.elements
    assert (tag, list(attributes), others) == ("p", ["title"], [])
    assert not parsed.unbalanced


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/ui?task=code&user=a", "/ui?task=code&user=a"),
        ("https://example.org/", "https://example.org/"),
        ("javascript:alert(1)", "#"),
        ("JavaScript:alert(1)", "#"),
        ("java\tscript:alert(1)", "#"),
        ("data:text/html,<p>", "#"),
        ("//[broken", "#"),
    ],
)
def test_an_address_runs_no_script(address: str, expected: str) -> None:
    assert tree(element("a", "x", href=address)).elements[0][1]["href"] == expected


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        (text('<b title="x">'), "&lt;b title=&quot;x&quot;&gt;"),
        (text("x & \u202egpj.exe"), "x &amp; \ufffdgpj.exe"),
        (text(Markup("<b>x</b>")), "<b>x</b>"),
        (element("br", class_="x"), '<br class="x">'),
        (element("input", disabled=True, hidden=False, value=None), "<input disabled>"),
        (element("rect", x=1.0, aria_label="a"), '<rect x="1" aria-label="a"></rect>'),
        (join(["a", None, 1], ", "), "a, 1"),
    ],
)  # fmt: skip
def test_markup(markup: Markup, expected: str) -> None:
    assert markup == expected
    assert markup.__html__() == expected


PRINTED = blocks(
    [[("policy p", "bold")], Table([("Task", "code"), ("Tier", ("any", "dim"))]), "", "  plain",
     [("Denied", "bold red"), (": no", "")], Table([("model", "why"), ("m", "free")], header=True),
     Table([("x", "y")], indent=2)],
    caption="a decision",
)  # fmt: skip
HEAT = heat_map(
    [("1", "Monday, 1 June"), ("2", "Tuesday, 2 June")],
    [HeatRow("private", (3, 100), "router.yaml:4", "/ui"), HeatRow("old", (0, 0), note="*")],
    head="rule", caption="rules by days", unit="requests",
)  # fmt: skip
FLOW = flow(
    [Ribbon("gpt", "claude", 9, "bad", "timeouts"), Ribbon("gpt", "no answer", 1)],
    label="failures", from_="failed", to="then",
)  # fmt: skip


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            table(["model", "calls"], [[HtmlCell("m", href="/x"), "3"]], caption="calls"),
            ["calls", "model | calls", "m | 3"],
        ),
        (table(["model"], [], caption="calls", empty="no calls"), ["no calls"]),
        (
            figures([KeyFigure("spent", "$4", "today", "good", sparkline([1, 2], "spent by day"))]),
            ["spent | $4 | today", "spent by day"],
        ),
        (badge("ok", "good"), ["ok"]),
        (legend([("good", "free"), ("bad", "paid")]), ["free | paid"]),
        (PRINTED, ["policy p", "a decision, table 1", "Task | code", "Tier | any", "plain",
                   "Denied: no", "a decision, table 2", "model | why", "m | free",
                   "a decision, table 3", "x | y"]),
        (HEAT, ["rules by days", "rule | 1 | 2 | total", "private router.yaml:4 | 3 | 100 | 103",
                "old * | | never"]),
        (FLOW, ["failures", "failedthen", "gpt → claude: 9 timeouts", "gpt → no answer: 1",
                "gpt 10claude 9no answer 1"]),
        (flow([], label="failures", from_="a", to="b"), ["nothing flowed"]),
        (
            time_series([0.0, 86400.0], ["1", "2"], [Series("spent", (1.5, None))],
                        caption="spent", unit="$"),
            ["spent", "as a table", "spent", "| spent", "1 | $1.5", "2"],
        ),
    ],
)  # fmt: skip
def test_what_is_seen(html: Markup, expected: list[str]) -> None:
    assert seen(html) == expected


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(0, 0, 0), (0, 9, 0), (1, 1, 5), (1, 1000, 1), (30, 1000, 2), (1000, 1000, 5), (5, 0, 0)],
)
def test_shades_grow_with_the_logarithm(count: int, most: int, expected: int) -> None:
    assert level(count, most) == expected


def rects(html: Markup) -> list[tuple[str | None, str | None, str | None]]:
    """The class, the left edge and the width of each rectangle."""
    found = [attributes for tag, attributes in tree(html).elements if tag == "rect"]
    return [(each["class"], each["x"], each["width"]) for each in found]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (bar(None, "x"), [("track", "0", "100"), ("fill good", "0", "0")]),
        (bar(0.5, "x"), [("track", "0", "100"), ("fill good", "0", "50")]),
        (bar(0.85, "x", held=0.05),
         [("track", "0", "100"), ("fill warn", "0", "85"), ("held", "85", "5")]),
        (bar(0.5, "x", forecast=1.4),
         [("track", "0", "100"), ("forecast", "50", "50"), ("fill good", "0", "50")]),
        (bar(7.0, "x"), [("track", "0", "100"), ("fill bad", "0", "100")]),
        (parts_bar([("part-free", 3), ("part-paid", 1), ("none", 0)], "x"),
         [("track", "0", "100"), ("part-free", "0", "75"), ("part-paid", "75", "25")]),
        (interval(0.1, 0.2, 0.3, 0.5, "x"),
         [("zero", "49.7", "0.6"), ("range good", "60", "20"), ("mean good", "69.4", "1.2")]),
        (interval(-0.1, 0.0, 0.1, 0.0, "x"),
         [("zero", "49.7", "0.6"), ("range open", "50", "1"), ("mean open", "49.4", "1.2")]),
    ],
)  # fmt: skip
def test_rectangles(html: Markup, expected: list[tuple[str, str, str]]) -> None:
    assert rects(html) == expected


def test_a_line_goes_from_the_oldest_to_the_newest() -> None:
    found = [each for tag, each in tree(sparkline([0, 1, 4], "x")).elements if tag == "polyline"]
    assert found[0]["points"] == "0,22.5 50,17.25 100,1.5"
    assert not [tag for tag, _ in tree(sparkline([1], "x")).elements if tag == "polyline"]


def test_data_over_time_is_there_for_the_script() -> None:
    series = time_series([0.0], ["1"], [Series('a "b" <c>', (2.0,))], caption="c")
    data = next(each["data-series"] for _, each in tree(series).elements if "data-series" in each)
    assert data is not None
    assert json.loads(data)["series"] == [{"name": 'a "b" <c>', "tone": "a", "values": [2.0]}]


PANEL = Panel("spend", "Spend", element("p", HOSTILE), "what it costs", wide=True)


def test_a_page_of_its_own_needs_nothing_else() -> None:
    page = standalone("Report", "policy p", [PANEL])
    parsed = tree(page)
    assert not parsed.unbalanced
    assert not [tag for tag, _ in parsed.elements if tag in ("script", "link")]
    assert not [name for _, each in parsed.elements for name in each if name in ("src", "style")]
    assert parsed.lines[-4:] == [
        "policy p",
        "Spend",
        "what it costs",
        HOSTILE.replace("\u202e", "\ufffd"),
    ]


def test_a_served_page_has_neither_style_nor_script_within() -> None:
    page = served("p", element("h1", "p"), element("p", "x"), static="/ui/static/", plots=True)
    parsed = tree(page)
    assert not parsed.unbalanced
    names = {each.get("src") or each.get("href") for tag, each in parsed.elements if tag != "a"}
    assert {f"/ui/static/{name}" for name in STATIC if "LICENSE" not in name} == names - {None}
    assert not [tag for tag, _ in parsed.elements if tag == "style"]
    assert '<script type="module" src="/ui/static/page.js"></script>' in page


@pytest.mark.parametrize("name", STATIC)
def test_static_files_are_there(name: str) -> None:
    assert static_file(name)


def test_the_style_sheet_cannot_end_the_element_it_is_put_in() -> None:
    assert b"<" not in static_file("page.css")
