"""`test`: the tests of policies, on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.cases.policies import HEAD
from tests.cli.run import BROKEN, run

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
tests:
  - name: small talk
    request: Hi there!
    expect: { first: local, cost: $0 }
"""
BAD = """\
  - name: a private letter
    request: { tags: [private] }
    expect: { first: big }
  - name: what cannot be
    request: { max_candidates: 0.5 }
    expect: { first: big }
"""
BESIDE = """\
version: 1
tests:
  - name: the night
    given: { clock: sat 23:10 }
    request: { tokens: 10 }
    expect: { rule: nights }
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "p.yaml"
    path.write_text(HEAD + GOOD)
    return path


def test_all_hold(policy: Path) -> None:
    done = run("test", policy)
    assert (done.code, done.out) == (0, "1 test passed\n")


def test_a_failure_shows_its_line(policy: Path) -> None:
    policy.write_text(HEAD + GOOD + BAD)
    done = run("test", policy)
    assert done.code == 1
    line = len(HEAD.splitlines()) + 7
    assert f"p.yaml:{line}:22" in done.out
    assert "`first` expected  `big`\n                got  `local`\n" in done.out
    assert "since  `big` is out: excluded by `only` of rule `private stays`" in done.out
    assert "it cannot be run: `max_candidates` must be an integer" in done.out
    assert done.out.endswith("2 tests failed, 1 test passed\n")


def test_formats_for_programs(policy: Path, tmp_path: Path) -> None:
    policy.write_text(HEAD + GOOD + BAD)
    told = run("test", policy, "--json", "--junit", tmp_path / "r.xml", "--coverage").json
    assert (told["passed"], told["failed"], told["schema_version"]) == (1, 2, 1)
    (one,) = told["policies"]
    assert [t["passed"] for t in one["tests"]] == [True, False, False]
    (mismatch,) = one["tests"][1]["mismatches"]
    assert (mismatch["expectation"], mismatch["got"]) == ("first", "`local`")
    assert 0 < one["coverage"]["share"] < 1
    assert one["coverage"]["rules"][0]["tests"] == 1
    suite = ET.parse(tmp_path / "r.xml").getroot()[0]  # noqa: S314  our own output
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    assert [len(case) for case in suite] == [0, 1, 1]
    assert "expected `big`, got `local`" in str(suite[1][0].get("message"))
    shown = run("test", policy, "--format", "github").out.splitlines()
    assert len(shown) == 2
    assert shown[0].startswith("::error file=")
    assert "test `a private letter`%2C `first`" not in shown[0]
    assert run("test", policy, "--json").json["policies"][0]["coverage"] is None


def test_tests_next_to_the_policy(policy: Path, tmp_path: Path) -> None:
    beside = tmp_path / "p.test.yaml"
    beside.write_text(BESIDE)
    assert run("test", policy).out == "2 tests passed\n"
    assert run("test", tmp_path).out == "2 tests passed\n"
    assert run("test", beside).out == "1 test passed\n"
    elsewhere = tmp_path / "more" / "x.test.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(BESIDE)
    assert run("test", elsewhere, "-p", policy).out == "1 test passed\n"
    assert run("check", policy).out.endswith(" in 2 files\n")
    assert run("route", "-p", policy).code == 0


def test_a_file_of_tests_has_nothing_else(policy: Path, tmp_path: Path) -> None:
    (tmp_path / "p.test.yaml").write_text(f"{BESIDE}rules: []\nprefer: [free]\n")
    done = run("check", policy)
    assert done.code == 1
    assert done.out.count("error[not-a-test]") == 2
    assert run("route", "-p", policy).code == 0
    assert run("test", policy).code == 1


def test_only_some(policy: Path) -> None:
    policy.write_text(HEAD + GOOD + BAD)
    assert run("test", policy, "-k", "Small").out == "1 test passed\n"
    none = run("test", policy, "-k", "nothing")
    assert (none.code, none.err) == (2, "error: there are no tests whose names contain `nothing`\n")


def test_coverage_has_a_threshold(policy: Path) -> None:
    done = run("test", policy, "--coverage")
    assert done.code == 0
    assert "no test: staff first  (" in done.out
    assert "    no test: denied\n" in done.out
    assert run("test", policy, "--threshold", "100%").code == 1
    assert run("test", policy, "--threshold", "10%").code == 0


def test_changes_that_no_test_notices(policy: Path) -> None:
    done = run("test", policy, "--mutate")
    assert done.code == 0
    assert f"changes of {policy} that a test notices: " in done.out
    assert "  no test: rule `staff first` removed  (" in done.out
    assert "      a test with the request { tokens: 0, plan: free, staff: true, clock: " in done.out
    assert "      tells `big`, `local`, `rack` from `local`, `rack`, `big`" in done.out
    assert " more are proved to change no decision\n" in done.out
    assert run("test", policy, "--mutate", "--threshold", "95%").code == 1
    (one,) = run("test", policy, "--mutate", "--json").json["policies"]
    told = one["mutation"]
    assert told["caught"] + told["survived"] + told["equivalent"] + told["unknown"] == len(
        told["changes"]
    )
    assert {"change", "fate", "by", "request", "before", "after", "reason", "at"} == set(
        told["changes"][0]
    )


def test_what_is_proved_equal_is_counted_apart(policy: Path) -> None:
    twice = "rules:\n  - { name: also, when: { tags: private }, only: [here] }\n"
    policy.write_text(HEAD.replace("rules:\n", twice) + GOOD)
    assert "more are proved to change no decision" in run("test", policy, "--mutate").out


def test_tests_are_written(policy: Path, tmp_path: Path) -> None:
    target = tmp_path / "p.test.yaml"
    done = run("test", policy, "--generate", target)
    assert done.code == 0
    assert done.err.startswith("wrote ")
    assert run("test", policy).code == 0
    again = run("test", policy, "--generate", target)
    assert again.code == 2
    assert "cannot write" in again.err
    assert run("test", policy, "--generate", "-").out == target.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 2, "`nowhere` does not exist"),
        ([BROKEN], 1, "error["),
        (["--threshold", "80"], 2, "`80` is not a percentage such as 80%"),
        (["--threshold", "800%"], 2, "`800%` is not a percentage"),
        (["--format", "xml"], 2, "unknown value `xml`"),
    ],
)
def test_what_cannot_be_run(arguments: list[str], code: int, words: str) -> None:
    done = run("test", *arguments)
    assert done.code == code
    assert words in done.err


def test_a_policy_without_tests(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(HEAD)
    done = run("test", tmp_path)
    assert (done.code, done.err) == (2, "error: there are no tests\n")


def test_results_that_cannot_be_written(policy: Path, tmp_path: Path) -> None:
    done = run("test", policy, "--junit", tmp_path / "no" / "r.xml")
    assert done.code == 2
    assert "no such file or directory" in done.err
