"""The verdict as a whole: what makes a policy unusable, in which order, and what is never said."""

from __future__ import annotations

import json
from datetime import date
from itertools import combinations
from pathlib import Path

import pytest

from policy_router import PolicyError, load
from policy_router.check.conceal import conceal
from policy_router.check.manual import RulePage
from policy_router.check.report import inspect, inspect_path
from policy_router.diagnostics import Diagnostic, Severity, draw
from policy_router.language.files import PolicyFile
from policy_router.resilience.cancellation import Cancelled
from policy_router.views.findings import as_json
from policy_router.views.github import as_commands
from policy_router.views.sarif import as_sarif
from tests.check.policies import TABLE, TODAY, complete, look

NOTE = "reports: { gpu: { memory: 80GB, price: $2.50/hour } }"
WARNING = "rules: [{ name: r, when: tokens < 0 or stream, avoid: [big] }]"
ERROR = "fallback: { max_attempts: 0 }"
SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz012345"  # noqa: S105  a made-up one


def test_a_sound_policy_has_no_findings() -> None:
    report = look("name: sound")
    assert report.policy is not None
    assert (report.policy.name, report.diagnostics) == ("sound", ())


def test_a_note_is_no_finding() -> None:
    report = look(NOTE)
    assert report.policy is not None
    assert report.findings == ()
    assert [(d.rule, d.severity) for d in report.diagnostics] == [
        ("report-without-effect", Severity.NOTE)
    ]


def test_a_warning_leaves_the_policy_usable() -> None:
    report = look(WARNING)
    assert report.policy is not None
    assert [(d.rule, d.severity) for d in report.findings] == [("constant-test", Severity.WARNING)]


@pytest.mark.parametrize("text", [ERROR, f"{WARNING}\n{ERROR}", f"description: {SECRET}"])
def test_an_error_leaves_no_policy(text: str) -> None:
    report = look(text)
    assert report.policy is None
    assert Severity.ERROR in [d.severity for d in report.findings]


def test_findings_of_both_stages_stand_in_the_order_of_the_file() -> None:
    text = complete(f"{WARNING}\nprefer: [free, cheapest]\ndescription: {SECRET}\n{NOTE}")
    other = "version: 1\ntimezone: UTC\nbudgets: { p: { models: ['opnai/*'], cap: $5/day } }"
    files = [PolicyFile("b.yaml", text.encode()), PolicyFile("a.yaml", other.encode())]
    report = inspect(files, today=TODAY, table=TABLE)
    places = [(d.span.file, d.span.line, d.span.col) for d in report.diagnostics if d.span]
    assert places == sorted(places)
    assert [d.rule for d in report.diagnostics] == [
        "selector-matches-nothing", "constant-test", "secret-in-policy",
        "report-without-effect",
    ]  # fmt: skip


def test_the_report_has_the_texts_for_drawing() -> None:
    report = look(WARNING)
    (found,) = report.findings
    assert found.span is not None
    assert WARNING in report.sources[found.span.file]
    assert WARNING in draw(found, report.sources)


@pytest.mark.parametrize(
    "text",
    [
        f"description: {SECRET}",
        f"prefer: [{SECRET}]",
        f"{SECRET}: 5",
        f"rules: [{{ name: r, when: {{ tags: a }}, first: [{SECRET}] }}]",
        f"rules: [{{ name: r, when: \"task == '{SECRET}'\", first: [big] }}]",
        f"rules: [{{ name: {SECRET}, when: tokens < 0, first: [big] }}]",
        f"rules: [{{ name: r, when: \"'{SECRET}' in '{SECRET}'\", first: [big] }}]",
        f"models: {{ m: {{ model: openai/gpt-4o, tier: heavy, api_key: {SECRET} }} }}",
        f"models: {{ m: {{ model: {SECRET}/x, tier: heavy }} }}",
        f"models: {{ m: {{ model: openai/x, tier: {SECRET} }} }}",
        f"timezone: {SECRET}",
        f"limits: {{ l: {{ requests: [{SECRET}] }} }}",
        f"fallback: {{ deadline: 'in {'a ' * 22}{SECRET}' }}",
        f"prefer: [{SECRET}",
        f"prefer: *{SECRET}",
        f"{SECRET}: 1\n{SECRET}: 2",
    ],
)
def test_a_secret_is_never_shown(text: str) -> None:
    report = look(text)
    assert "secret-in-policy" in [d.rule for d in report.findings]
    shown = str(PolicyError(report.diagnostics, report.sources))
    for cut in range(len(SECRET) - 12):
        assert SECRET[cut : cut + 12] not in shown
    assert SECRET[:12] not in "\n".join(
        f"{d.message} {d.help} {d.related}" for d in report.findings
    )


def test_today_is_the_day_that_is_given() -> None:
    text = "tiers: [heavy]\nmodels: { m: { model: groq/llama-guard-3-8b, tier: heavy } }"
    assert look(text, date(2025, 4, 6)).findings == ()
    assert [d.rule for d in look(text, date(2025, 4, 7)).findings] == ["deprecated-model"]


def test_load_gives_the_policy_of_a_file_and_of_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(complete("name: sound"))
    assert load(file) == load(str(file)) == load(tmp_path) == inspect_path(file).policy


def test_load_says_all_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(complete("fallback: { max_attempts: 0 }\nprefer: [chepest]"))
    (tmp_path / "b.yaml").write_text("version: 1\ntimezone: Europe/Berln\n")
    with pytest.raises(PolicyError) as caught:
        load(tmp_path)
    text = str(caught.value)
    assert [d.rule for d in caught.value.diagnostics] == [
        "bad-value", "unknown-word", "unknown-timezone",
    ]  # fmt: skip
    for words in ("max_attempts: 0", "did you mean `cheapest`?", "timezone: Europe/Berln", "^^^"):
        assert words in text


def test_a_file_that_is_not_there_is_a_diagnostic(tmp_path: Path) -> None:
    report = inspect_path(tmp_path / "none.yaml")
    assert (report.policy, [d.rule for d in report.findings]) == (None, ["no-policy-files"])
    with pytest.raises(PolicyError, match="no-policy-files"):
        load(tmp_path / "none.yaml")


def test_what_is_doubtful_about_a_file_is_reported_with_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(complete(WARNING))
    file.chmod(0o666)
    report = inspect_path(file, today=TODAY)
    assert report.policy is not None
    assert {d.rule for d in report.findings} >= {"unsafe-file", "constant-test"}


ACCEPTED = "# policy-router: ignore[unsafe-file] the container has another user"


def test_doubts_about_a_file_are_accepted_by_a_comment_in_it(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(complete(f"name: x\n{ACCEPTED}\n"))
    assert inspect_path(file, today=TODAY).findings == ()  # nothing to accept is no finding here
    file.chmod(0o666)
    assert inspect_path(file, today=TODAY).findings == ()
    other = tmp_path / "q.yaml"
    other.write_text("version: 1\n")
    other.chmod(0o666)
    found = inspect_path(tmp_path, today=TODAY).findings
    assert [(d.rule, d.span and d.span.file) for d in found] == [("unsafe-file", str(other))]
    ignoring = inspect_path(tmp_path, today=TODAY, wanted=lambda d: d.rule != "unsafe-file")
    assert ignoring.findings == ()


def test_what_makes_a_file_unusable_is_accepted_by_nothing(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(complete(ACCEPTED))
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / "p.yaml"
    link.symlink_to(file)
    report = inspect_path(link, today=TODAY, wanted=lambda _: False)
    assert (report.policy, [d.rule for d in report.findings]) == (None, ["unsafe-file"])


# -- abandoned by its caller -----------------------------------------------------------------------


class Interest:
    """A caller that loses interest at the n-th time it is asked."""

    def __init__(self, lost_at: int | None = None) -> None:
        self.asked = 0
        self._lost_at = lost_at

    def lost(self) -> bool:
        self.asked += 1
        return self._lost_at is not None and self.asked >= self._lost_at


def numbered(rules: int) -> list[PolicyFile]:
    """A policy with so many rules that have to be compared with each other."""
    lines = [f"- {{ name: r{i}, when: {{ tags: p{i} }}, avoid: [big] }}" for i in range(rules)]
    text = complete("\n".join(["rules:", *lines, "- { name: all, avoid: [local, big] }"]))
    return [PolicyFile("p.yaml", text.encode())]


def asked(rules: int) -> int:
    interest = Interest()
    inspect(numbered(rules), today=TODAY, table=TABLE, cancelled=interest.lost)
    return interest.asked


def test_a_check_ends_as_soon_as_its_caller_loses_interest() -> None:
    every = asked(10)
    for lost_at in range(1, every + 1):
        interest = Interest(lost_at)
        with pytest.raises(Cancelled):
            inspect(numbered(10), today=TODAY, table=TABLE, cancelled=interest.lost)
        assert interest.asked == lost_at


def test_a_longer_check_asks_more_often() -> None:
    assert asked(80) > 4 * asked(10)


def test_rules_of_a_tag_each_are_checked_in_proportion_to_their_number() -> None:
    """It is asked in each step of each stage, so what is asked counts the steps."""
    assert asked(600) <= 2.2 * asked(300)


def test_many_models_and_rules_are_checked_in_proportion_to_their_number() -> None:
    def steps(models: int, rules: int) -> int:
        names = [
            f"  m{i}: {{ model: x/y, tier: light, price: free, context: 1k }}"
            for i in range(models)
        ]
        lines = [f"- {{ name: r{i}, when: {{ user: u{i} }}, only: [m{i}] }}" for i in range(rules)]
        text = complete("\n".join(["models:", *names, "rules:", *lines]))
        interest = Interest()
        files = [PolicyFile("p.yaml", text.encode())]
        inspect(files, today=TODAY, table=TABLE, cancelled=interest.lost)
        return interest.asked

    assert steps(400, 200) <= 2.2 * steps(200, 100)


def test_a_caller_that_stays_interested_gets_the_same_report() -> None:
    files = numbered(5)
    assert inspect(files, today=TODAY, table=TABLE).diagnostics == (
        inspect(files, today=TODAY, table=TABLE, cancelled=Interest().lost).diagnostics
    )


# -- what is too hard to decide --------------------------------------------------------------------


def pigeons(count: int) -> str:
    """Rules that take `big` away unless so many pigeons sit in one hole less, each alone: which
    they cannot, but no short proof says so."""
    lines = []
    for p in range(count):
        nowhere = " and ".join(f"'p{p}h{h}' not in tags" for h in range(count - 1))
        lines.append(f'- {{ name: p{p} sits, when: "{nowhere}", avoid: [big] }}')
    for h in range(count - 1):
        for p, q in combinations(range(count), 2):
            both = f"'p{p}h{h}' in tags and 'p{q}h{h}' in tags"
            lines.append(f'- {{ name: p{p} or p{q} in h{h}, when: "{both}", avoid: [big] }}')
    tags = [f"p{p}h{h}" for p in range(count) for h in range(count - 1)]
    return "\n".join([f"tags: [{', '.join(tags)}]", "rules:", *lines])


def test_what_is_too_hard_to_decide_is_noted_once_and_is_no_finding() -> None:
    report = look(pigeons(9))
    assert report.policy is not None
    assert report.findings == ()
    assert [(d.rule, d.severity) for d in report.diagnostics] == [("undecided", Severity.NOTE)]
    assert "whether any request can get model `big`" in report.diagnostics[0].message


def test_what_can_be_decided_is_not_called_undecided() -> None:
    report = look(pigeons(4))
    assert [d.rule for d in report.diagnostics] == ["unreachable-model"]


def test_a_condition_of_too_many_cases_leaves_every_question_open() -> None:
    wide = " and ".join(
        f"any_of(tags, {', '.join(repr(f'{c}{i}') for i in range(5))})" for c in "abc"
    )
    tags = ", ".join(f"{c}{i}" for c in "abc" for i in range(5))
    report = look(
        f"tags: [{tags}]\nrules:\n"
        f'- {{ name: one, when: "{wide}", avoid: [big] }}\n'
        f'- {{ name: two, when: "{wide}", first: [big] }}'
    )
    assert [d.rule for d in report.diagnostics] == ["undecided"]
    words = report.diagnostics[0].message
    assert words.startswith("too many combinations to decide ")
    for question in (
        "whether any request can meet the condition of rule `one`, rule `two`",
        "whether rule `one` changes a decision",
        "whether rule `one` and an earlier rule leave a request without a model",
        "whether rule `two` and an earlier rule put different models first",
        "whether any model comes first by rule `two`",
    ):
        assert question in words


def test_many_open_questions_are_counted() -> None:
    wide = " and ".join(
        f"any_of(tags, {', '.join(repr(f'{c}{i}') for i in range(5))})" for c in "abc"
    )
    lines = [f'- {{ name: r{i}, when: "{wide}", min_tier: heavy }}' for i in range(7)]
    report = look("\n".join(["rules:", *lines]))
    assert "rule `r3`, rule `r4` or any of 2 more" in report.diagnostics[0].message


# -- several files ---------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_does_not_hide_what_is_wrong_with_the_others(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\nteirs: [t]\n" + MODELS)
    (tmp_path / "b.yaml").write_text("version: 1\nrules: [{ name: r, only: [elsewhere] }]\n")
    (tmp_path / "c.yaml").symlink_to("nowhere")
    report = inspect_path(tmp_path)
    assert report.policy is None
    # `elsewhere` may be defined in the file that cannot be read.
    assert {d.rule for d in report.diagnostics} == {"unreadable-file", "unknown-field"}
    (tmp_path / "c.yaml").unlink()
    assert {d.rule for d in inspect_path(tmp_path).diagnostics} == {"unknown-field", "unknown-name"}


def test_a_manifest_that_does_not_match_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\n" + MODELS)
    (tmp_path / "MANIFEST.sha256").write_text("")
    report = inspect_path(tmp_path)
    assert report.policy is None
    assert "manifest-mismatch" in {d.rule for d in report.diagnostics}
    assert report.sources
    assert inspect_path(tmp_path, verify=False).policy is not None
    with pytest.raises(PolicyError):
        load(tmp_path)


MODELS = "models: { a: { model: openai/gpt-4o, tier: t, price: free, context: 8k } }\n"
FORMS = [
    "api_key: V", "api_key: 'V'", 'api_kye: "V"', "apiKey: [V, other]", "api_key:\n      V",
    "api_key: >\n      V\n      more", "api_key_env: V", "auth: { token: V }",
    "headers: { Authorization: Bearer V }", "headers:\n      X-Api-Key: V", "key: V",
    "openai_key: V", "pasword: V # x", "extra: { client_secret: V, x: y }",
    "api_key: [\n V\n]", "credentials:\n      - V", "api_key: { value: V }",
    "secret: V\n  c: [", "x: 1 # password: V", "api_key: V\n    api_key: V", "token: \tV",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "value", ["0123456789abcdef0123456789abcdef", "hunterhunter", "p4ss/w0rd+"]
)
def test_a_value_under_a_field_for_keys_is_never_shown(form: str, value: str) -> None:
    text = complete(
        "models:\n  big:\n    model: openai/gpt-4o\n    tier: heavy\n    "
        + form.replace("V", value)
    )
    report = inspect([PolicyFile("p.yaml", text.encode())], today=TODAY, table=TABLE)
    assert report.findings
    path = Path("p.yaml")
    shown = [
        *(draw(d, report.sources) for d in report.diagnostics),
        json.dumps(as_json({path: report})),
        json.dumps(as_sarif([report], "0", lambda rule: RulePage(rule, rule, rule))),
        *as_commands([report]),
        str(PolicyError(report.diagnostics, report.sources)),
    ]
    assert value[:7] not in "\n".join(shown)


@pytest.mark.parametrize(
    "form",
    ["api_key: 0123456789abcdef", "params: { api_key: hunterhunter }", "password: two words\n"],
)
def test_a_value_under_a_field_for_keys_is_a_secret_in_the_policy(form: str) -> None:
    report = look(f"prompts:\n  p:\n    models: [big]\n    system: Be brief.\n    {form}")
    assert "secret-in-policy" in [d.rule for d in report.findings]


@pytest.mark.parametrize(
    "snippet",
    [
        "prompts: { p: { models: [big], params: { api_key: $OPENAI_API_KEY } } }",
        "attributes: { token: string }",
        "limits: { token: { tokens: [200k/hour] } }",
        "tasks: { a: { accept: { json_schema: { properties: { password: { type: string } } } } } }",
    ],
)
def test_what_is_no_key_is_no_secret(snippet: str) -> None:
    assert "secret-in-policy" not in [d.rule for d in look(snippet).findings]


def test_the_sources_of_a_report_keep_every_place() -> None:
    text = complete("# password: hunterhunter\nname: x")
    report = inspect([PolicyFile("p.yaml", text.encode())], today=TODAY, table=TABLE)
    assert report.sources["p.yaml"] == text.replace("hunterhunter", "*" * 12)


def test_a_value_that_a_message_cuts_short_is_left_out_of_it() -> None:
    value = "0123456789abcdef" * 2
    sources = {"p.yaml": f"models: {{ x: {{ api_key: {value} }} }}"}
    told = [f"`{value}` is odd", f"`{value[:20]}...` is odd", "`01234567` is odd"]
    made = (Diagnostic("x", Severity.ERROR, words, None) for words in told)
    assert [d.message for d in conceal(made, sources)] == [
        "`***` is odd", "`***...` is odd", "`***` is odd",
    ]  # fmt: skip
