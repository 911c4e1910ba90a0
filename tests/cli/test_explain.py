"""`explain`: the reason for every model, and what each part of each rule came to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.run import TEAM, Result, run

NOON = ["--fact", "hour=12", "--fact", "weekday=mon"]


def explain(*argv: object) -> Result:
    return run("explain", "-p", TEAM, *NOON, *argv)


def test_text_says_everything() -> None:
    result = explain("x" * 40, "--task", "code", "--complexity", "0.7", "--tag", "private")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith("policy team @")
    assert lines[0].endswith(f" ({TEAM})")
    assert lines[1:7] == [
        "Request     40 characters, about 18 tokens",
        "Facts       tags ['private'] · hour 12 · weekday 'mon'",
        f"Task        code: named by the caller ({TEAM}:34:3)",
        f"Complexity  hard: score 0.7 ({TEAM}:39:5)",
        (
            "Tier        heavy or better, weaker ones as a last resort: task `code` "
            f"requires heavy ({TEAM}:34:3), band `hard` requires heavy ({TEAM}:39:5)"
        ),
        "Rules       1 of 4 applied",
    ]
    rules = lines[7 : lines.index("")]
    assert rules == [
        f"  + private data stays here  {TEAM}:42:11",
        "       tags               {'private'}",
        "       'private' in tags  true",
        f"  - nights are for small models [20/min]  {TEAM}:45:11",
        "       hour                                     12",
        "       hour >= 22                               false",
        "       weekday                                  'mon'",
        "       weekday in ['sat', 'sun']                false",
        "       hour >= 22 or weekday in ['sat', 'sun']  false",
        f"  - no law  {TEAM}:48:11",
        "       tags                               {'private'}",
        "       'legal' in tags                    false",
        "       plan                               absent",
        "       plan != 'pro'                      true",
        "       'legal' in tags and plan != 'pro'  false",
        f"  - bots go small  {TEAM}:51:11",
        "       user                                               absent",
        "       matches(user, '^bot-')                             false",
        "       region                                             absent",
        "       region.startswith('eu')                            false",
        "       matches(user, '^bot-') or region.startswith('eu')  false",
    ]
    rest = result.out.split("\n\n", 1)[1]
    assert rest == (
        "   model  tier   est. cost   why\n"
        "1  big    heavy  $0.0001218  the only model of tier `heavy` or better\n"
        "2  small  light  free        last resort: below tier `heavy`\n"
        "\n"
        "Not used\n"
        f"  cloud  excluded by `only` of rule `private data stays here`  {TEAM}:44:5\n"
    )


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        ([], "Request     0 tokens"),
        (["--tokens", "24k"], "Request     24,000 tokens"),
        ([], f"Task        chat: the default ({TEAM}:35:3)"),
        ([], "Complexity  not given"),
        (
            ["--complexity", "hard"],
            f"Complexity  hard: score 0.6 where the band begins ({TEAM}:39:5)",
        ),
        ([], "Tier        any"),
        ([], "Rules       0 of 4 applied"),
        (["--fact", "internal=true"], "Facts       hour 12 · weekday 'mon' · internal true"),
    ],
)
def test_a_line(argv: list[str], line: str) -> None:
    assert line in explain(*argv).out.splitlines()


def test_a_small_policy(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\n"
        "models:\n"
        "  only: { model: ollama_chat/x, tier: light, price: free, context: 8k }\n"
        "rules:\n"
        "  - { name: ever, min_tier: light }\n"
    )
    result = run("explain", "-p", tmp_path)
    assert result.code == 0
    lines = result.out.splitlines()
    assert "Facts       none besides these" in lines
    assert "Task        none: the caller names none, and the policy has no default task" in lines
    assert "Rules       1 of 1 applied" in lines
    assert "      always" in lines
    found = run("explain", "-p", tmp_path, "--json").json
    assert found["task_from"] is None
    assert found["floor"]["asked_by"][0]["kind"] == "rule"
    assert (found["trace"][0]["when"], found["trace"][0]["steps"]) == (None, [])
    assert run("explain", "-p", tmp_path, "--tokens", "9k").code == 4


ASKED: list[tuple[str, str, dict[str, str | None]]] = [
    (
        "gpt-4o",
        "`gpt-4o`: alias `gpt-*` stands for big or cloud, then small (LINE)",
        {"name": "gpt-4o", "alias": "gpt-*", "at": "LINE"},
    ),
    ("big", "`big`: no other model", {"name": "big", "alias": None, "at": None}),
    (
        "auto",
        "`auto`: any model, in the policy's own order",
        {"name": "auto", "alias": None, "at": None},
    ),
]


@pytest.mark.parametrize(("asked", "line", "found"), ASKED)
def test_what_is_asked_for(
    tmp_path: Path, asked: str, line: str, found: dict[str, str | None]
) -> None:
    text = Path(TEAM).read_text()
    file = tmp_path / "p.yaml"
    file.write_text(text + 'aliases: { "gpt-*": [heavy, light] }\n')
    at = f"{file}:{len(text.splitlines()) + 1}:12"
    shown = run("explain", "-p", tmp_path, "--model", asked)
    assert f"Asked for   {line.replace('LINE', at)}" in shown.out.splitlines()
    document = run("explain", "-p", tmp_path, "--model", asked, "--json").json
    assert document["asked_for"] == {k: v and v.replace("LINE", at) for k, v in found.items()}


def test_a_default_is_shown_as_one(tmp_path: Path) -> None:
    text = Path(TEAM).read_text()
    declared = "  plan: [free, pro]\n"
    assert declared in text
    (tmp_path / "p.yaml").write_text(
        text.replace(declared, "  plan: { values: [free, pro], default: free }\n")
    )
    plain = run("explain", "-p", tmp_path, *NOON).out
    assert "Facts       hour 12 · weekday 'mon' · plan 'free' (default)" in plain.splitlines()
    stated = run("explain", "-p", tmp_path, *NOON, "--fact", "plan=free").out
    assert "Facts       hour 12 · weekday 'mon' · plan 'free'" in stated.splitlines()


def test_what_no_model_can_is_reported() -> None:
    headline = "No model may answer this request: no model of the policy has the ability `video`"
    assert headline in explain("--need", "video").out.splitlines()


def test_step_down_off_is_reported(tmp_path: Path) -> None:
    text = Path(TEAM).read_text() + "fallback: { step_down: false }\n"
    (tmp_path / "p.yaml").write_text(text)
    out = run("explain", "-p", tmp_path, "--task", "code").out
    assert "Tier        heavy or better, no weaker ones: task `code` requires heavy" in out
    assert "small  below tier `heavy`, the `min_tier` of task `code`" in out


def test_a_refusal_names_its_rule() -> None:
    result = explain("--tag", "legal")
    assert result.code == 4
    assert "Denied: legal questions need a paid plan" in result.out
    assert "denied by rule `no law`" in result.out
    one = explain("--tag", "legal", "--why-not", "big")
    assert one.code == 4
    assert one.out.startswith("big is out: denied by rule `no law`\n")
    assert "  + no law" in one.out


def test_why_not_shows_one_model() -> None:
    out = explain("--tag", "private", "--why-not", "cloud")
    assert out.code == 0
    assert out.out == (
        "cloud is out: excluded by `only` of rule `private data stays here`\n"
        f"  --> {TEAM}:44:5\n"
        f"  + private data stays here  {TEAM}:42:11\n"
        "       tags               {'private'}\n"
        "       'private' in tags  true\n"
        "\n"
        "It may answer the request\n"
        "  without tag `private`\n"
        "\n"
        "Or change the policy: without rule `private data stays here` it may answer.\n"
    )
    placed = explain("--tag", "private", "--why-not", "big", "--tokens", "1k")
    assert placed.out == (
        "big is number 2 of 2\n"
        "   model  tier   est. cost  why\n"
        "2  big    heavy  $0.00022   paid, after the free ones\n"
    )
    bot = explain("--user", "bot-1", "--why-not", "small")
    assert bot.out.startswith("small is number 1 of 3\n")
    assert "       user                                               'bot-1'\n" in bot.out


STRICT = """version: 1
tiers: [light, heavy]
models:
  a: { model: ollama_chat/a, tier: light, price: free, context: 8k }
  b: { model: ollama_chat/b, tier: heavy, price: free, context: 8k, can: [vision] }
rules:
  - { name: eyes, when: { tags: pic }, needs: [vision] }
  - { name: strong, when: { tags: hard }, min_tier: heavy }
fallback: { step_down: false }
"""


@pytest.mark.parametrize(("tag", "rule"), [("pic", "eyes"), ("hard", "strong")])
def test_why_not_shows_the_rule_that_asks_for_more(tmp_path: Path, tag: str, rule: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(STRICT)
    told = run("explain", "-p", path, "--tag", tag, "--why-not", "a").out
    assert told.startswith("a is out: ")
    assert f"  + {rule}  {path}:" in told
    assert f"'{tag}' in tags  true" in told
    assert "+ " not in run("explain", "-p", path, "--tag", tag, "--why-not", "b").out
    path.write_text(STRICT.replace("step_down: false", "step_down: true"))
    lowered = run("explain", "-p", path, "--tag", "hard", "--why-not", "a").out
    assert lowered.startswith("a is number 2 of 2\n")
    assert "+ strong" not in lowered


def test_why_not_in_json() -> None:
    found = explain("--tag", "private", "--why-not", "cloud", "--json").json
    assert found["candidates"] == []
    assert [each["model"] for each in found["skipped"]] == ["cloud"]
    told = found["why_not"]
    assert [[each["says"] for each in changes] for changes in told["changes"]] == [
        ["without tag `private`"]
    ]
    assert (told["smallest"], told["parts_suffice"], told["state"]) == (True, True, [])
    found = explain("--tag", "private", "--why-not", "big", "--json").json
    assert [(each["rank"], each["model"]) for each in found["candidates"]] == [(2, "big")]
    assert found["skipped"] == []


def test_why_not_an_unknown_model() -> None:
    result = explain("--why-not", "clodu")
    assert (result.code, result.out) == (2, "")
    assert "did you mean `cloud`?" in result.err
    assert "--why-not" in result.err


def test_no_output_holds_an_api_key() -> None:
    key = "sk-ABCDEFGHIJKLMNOP1234567890secretkey"
    for option in ((), ("--json",)):
        result = explain("hello", "--fact", f"key={key}", "--tag", key, *option)
        assert result.code == 0
        assert "secretkey" not in result.out + result.err
    facts = explain("--fact", "key=ci", "--json").json["facts"]
    assert facts["key"] == "ci"


OWN_CRITERIA = """version: 1
tiers: [light, heavy]
models:
  a: { model: ollama_chat/a, tier: light, price: free, context: 8k, quality: 0.3 }
  b: { model: ollama_chat/b, tier: heavy, price: free, context: 8k, quality: 0.9 }
  c: { model: ollama_chat/c, tier: heavy, price: free, context: 8k, quality: 0.6 }
tasks:
  law: { min_quality: 0.5, prefer: [quality] }
  form: { use: [c, light] }
  chat: {}
rules:
  - { name: good ones, when: { tags: good }, prefer: [quality], max_cost: $0 }
  - { name: soon, when: { tags: good }, avoid: [b], shadow: true }
"""


def test_who_says_what_models_are_sorted_by(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(OWN_CRITERIA)

    def shown(*argv: str) -> str:
        return run("explain", "-p", path, *argv).out

    assert "Order" not in shown("--task", "chat")
    assert "Order       quality: task `law`\n" in shown("--task", "law")
    assert "Order       quality: rule `good ones`\n" in shown("--task", "law", "--tag", "good")
    assert "Order       fastest: asked for by the caller\n" in shown("--prefer", "fastest")
    found = run("explain", "-p", path, "--task", "law", "--json").json
    assert found["prefer"] == {"keys": ["quality"], "from": "task `law`"}
    assert f"a  quality of 0.3 is below the `min_quality` of 0.5 of task `law`  {path}:8:3" in (
        shown("--task", "law")
    )
    assert "number 1 of `use` of task `form`" in shown("--task", "form")


def test_a_rule_in_shadow_is_shown_and_not_applied(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(OWN_CRITERIA)
    out = run("explain", "-p", path, "--tag", "good").out
    assert "Rules       1 of 2 applied\n" in out
    assert f"  ~ soon (in shadow: not applied)  {path}:13:13\n" in out
    assert out.rstrip().endswith(
        "In shadow, not applied\n"
        f"  rule `soon`  would have excluded `b` and put `c` first  {path}:13:13"
    )
    assert "+ good ones" in run("explain", "-p", path, "--tag", "good", "--why-not", "b").out
    assert "soon" not in run("explain", "-p", path, "--tag", "good", "--why-not", "b").out
    for command in ("route", "explain"):
        found = run(command, "-p", path, "--tag", "good", "--json").json
        assert [c["model"] for c in found["candidates"]] == ["b", "c", "a"]
        assert found["rules"] == ["good ones"]
        assert found["shadow"] == [
            {
                "kind": "rule",
                "name": "soon",
                "detail": "would have excluded `b` and put `c` first",
                "removed": ["b"],
                "first": "c",
                "denied": None,
                "at": f"{path}:13:13",
            }
        ]
    assert [t["applied"] for t in found["trace"]] == [True, False]
    assert [t["shadow"] for t in found["trace"]] == [False, True]


def test_json_has_one_shape() -> None:
    routed = run("route", "-p", TEAM, *NOON, "--tag", "private", "--task", "code", "--json").json
    found = explain("--tag", "private", "--task", "code", "--json").json
    extra = [
        "policy", "facts", "asked_for", "task_from", "classification", "rated_by", "floor",
        "prefer", "counters", "trace", "accept", "barred",
    ]  # fmt: skip
    assert list(found) == [*routed, *extra]
    assert {key: found[key] for key in routed} == routed
    assert found["policy"] == {"name": "team", "path": TEAM}
    assert found["facts"] == {
        "task": "code",
        "tokens": 0,
        "tags": ["private"],
        "hour": 12,
        "weekday": "mon",
    }
    assert found["task_from"] == "caller"
    assert found["floor"] == {
        "tier": "heavy",
        "asked_by": [{"kind": "task", "name": "code", "tier": "heavy", "at": f"{TEAM}:34:3"}],
    }
    assert [each["applied"] for each in found["trace"]] == [True, False, False, False]
    assert found["trace"][0] == {
        "rule": "private data stays here",
        "applied": True,
        "shadow": False,
        "when": "'private' in tags",
        "at": f"{TEAM}:42:11",
        "steps": [
            {"text": "tags", "value": ["private"]},
            {"text": "'private' in tags", "value": True},
        ],
    }
    assert found["trace"][2]["steps"][2] == {"text": "plan", "value": None}
    assert found["counters"] == []
    assert explain("--json").json["floor"] is None
    assert explain("--json").json["task_from"] == "default"
    assert explain("--json").json["classification"] is None


@pytest.mark.parametrize(
    "when",
    [
        "{ tags: [a, b], plan: pro }",
        "{ internal: true }",
        "{ seats: [1, 2.5] }",
        '{ tags: "it\'s \\\\ odd" }',
        "'a' in tags and not internal",
        "not (plan == 'pro' or seats > 2.6)",
        "1 < seats <= 2.5",
        "2 < seats",
        "plan not in ['pro']",
        "plan != 'pro'",
        "any_of(tags, 'a', 'z') and all_of(tags, 'a', 'b')",
        "matches(region, '^eu-\\d+$')",
        "region.startswith('eu') and tokens >= 24_000",
        "has_tools or wants_json or stream",
        "task == 'code' or complexity in ['hard'] or score > 0.65",
        "hour in [12, 13] and seats != 3 and weekday != 'tue'",
        "seats > -1 and max_tokens < 60",
    ],
)
def test_what_is_shown_is_what_was_decided(tmp_path: Path, when: str) -> None:
    head, _ = Path(TEAM).read_text().split("rules:\n")
    written = when if when.startswith("{") else json.dumps(when)
    rule = f"rules:\n  - name: r\n    when: {written}\n    avoid: [cloud]\n"
    (tmp_path / "p.yaml").write_text(head + rule)
    seen = set()
    for argv in (
        [],
        ["--tag", "a,b", "--fact", "plan=pro", "--fact", "seats=2.5"],
        ["--tag", "a", "--fact", "internal=true", "--fact", "seats=1", "--fact", "plan=free"],
        ["--fact", "region=eu-1", "--tokens", "30k", "--need", "tools", "--complexity", "0.7"],
        ["--tag", "it's \\ odd", "--fact", "seats=3", "--fact", "max_tokens=50"],
    ):
        found = run("explain", "-p", tmp_path, *NOON, "--json", *argv).json
        (rule_,) = found["trace"]
        assert bool(rule_["steps"][-1]["value"]) is rule_["applied"] is (found["rules"] == ["r"])
        assert rule_["steps"][-1]["text"] == rule_["when"]
        seen.add(rule_["applied"])
    assert seen == {True, False}


def test_the_evidence_for_task_and_complexity() -> None:
    lines = explain("Refactor this function").out.splitlines()
    assert f"Task        code: by its words `refactor` ({TEAM}:34:3)" in lines
    assert "Complexity  easy: score 0.451, by the heuristic estimator" in lines[4]
    assert [line.split(":")[0].split()[-1] for line in lines[5:10]] == [
        "message", "context", "capability", "depth", "keywords",
    ]  # fmt: skip
    assert "+0.367  capability: 0.60 of 1, weight 25%" in lines[7]


@pytest.mark.parametrize(
    ("estimator", "who"), [("{ llm: m }", "m"), ("{ python: ours:rate }", "ours:rate")]
)
def test_an_estimator_that_must_be_asked_is_named_and_not_asked(
    tmp_path: Path, estimator: str, who: str
) -> None:
    text = (
        "version: 1\nmodels:\n  m: { model: ollama_chat/llama3.2, tier: light, price: free }\n"
        f"complexity: {{ estimator: {estimator} }}\n"
    )
    (tmp_path / "p.yaml").write_text(text)
    shown = run("explain", "Hello there", "-p", tmp_path).out
    assert f"when the request is sent, `{who}` rates it, which `explain` does not call" in shown
    assert run("explain", "Hello there", "-p", tmp_path, "--json").json["rated_by"] == who
    given = run("explain", "Hello there", "-p", tmp_path, "--complexity", "0.5", "--json").json
    assert given["rated_by"] is None


def test_an_estimator_that_does_not_know_says_so(tmp_path: Path) -> None:
    text = (
        "version: 1\nmodels:\n  m: { model: ollama_chat/llama3.2, tier: light, price: free }\n"
        "complexity: { estimator: learned }\n"
    )
    (tmp_path / "p.yaml").write_text(text)
    shown = run("explain", "Write a poem about spring.", "-p", tmp_path).out
    assert "moderate: score 0.5, by the learned estimator, which does not know such" in shown
    shown = run("explain", "Compute $2^3 = x$ for all integers $x$.", "-p", tmp_path).out
    assert "by the learned estimator" in shown
    assert "does not know" not in shown


def test_what_the_caller_says_needs_no_evidence() -> None:
    lines = explain("Refactor this", "--task", "chat", "--complexity", "easy").out.splitlines()
    assert "named by the caller" in lines[3]
    assert "score 0 where the band begins" in lines[4]
    assert lines[5].startswith("Tier")


def test_a_default_task_says_what_else_is_likely(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    models = "version: 1\nmodels:\n  m: { model: openai/m, tier: heavy, price: free }\n"

    def task(tasks: str, prompt: str, *more: str) -> str:
        path.write_text(models + tasks)
        told = run("explain", "-p", path, prompt, *more).out.splitlines()
        return next(line for line in told if line.startswith("Task")).split(" (")[0][12:]

    equation = "Solve the equation x + 1 = 3"
    assert task("tasks: { chat: {} }", equation).startswith("chat: the default")
    path_ = "tasks: { math: {}, chat: {} }"
    assert task(path_, equation).startswith("math: by the built-in definition, `equation`, ")
    assert task(path_, equation).endswith(", 96% sure")
    assert task("", equation) == (
        "none: the caller names none, and the policy has no default task; "
        "likeliest kind of work: math, 96% sure"
    )
    assert task("", "xyz") == "none: the caller names none, and the policy has no default task"
    pattern = "tasks: { law: { pattern: '§', when_needs: [json] }, chat: {} }"
    assert task(pattern, "see § 5") == "law: by its pattern `§`"
    assert task(pattern, "see", "--need", "json") == "law: by the abilities needed, `json`"


def test_the_classification_in_json() -> None:
    found = explain("Refactor this function", "--json").json
    assert found["task_from"] == "keywords"
    seen = found["classification"]
    assert (seen["task"], seen["by"], seen["evidence"]) == ("code", "keywords", ["refactor"])
    assert sum(factor["share"] for factor in seen["factors"]) == pytest.approx(
        seen["score"], abs=0.001
    )
    assert found["score"] == pytest.approx(seen["score"], abs=0.001)


CHECKED = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: openai/small, tier: light, price: free, context: 8k, tags: [local] }
  big: { model: openai/big, tier: heavy, price: { input: $1/M, output: $2/M }, context: 128k }
budgets: { all: { cap: unlimited } }
tasks:
  form:
    accept:
      json: true
      json_schema: { type: object }
      max_chars: 100
      stop_reason: [stop, length]
      llm: { model: big, rubric: Every field is filled in. }
  chat: {}
rules:
  - { name: private stays, when: { tags: private }, only: [local] }
  - { name: strict, when: { tags: strict }, accept: { python: "a.b:c", otherwise: error } }
"""


def test_the_checks_of_the_answer_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(CHECKED)
    request = ("explain", "Hi", "-p", path, "--task", "form", "--tag", "private,strict")
    shown = " ".join(run(*request).out.split())
    assert (
        "Checks of the answer task `form`: json, json_schema, max_chars 100, stop_reason stop or "
        "length, llm by `big`; else a higher tier, then the best answer (" in shown
    )
    assert "rule `strict`: python a.b:c; else a higher tier, then an error (" in shown
    assert "`big` does not judge: excluded by `only` of rule `private stays` (" in shown
    told = run(*request, "--json").json
    assert [(a["by"], a["checks"], a["otherwise"]) for a in told["accept"]] == [
        ("task `form`", ["json", "json_schema", "max_chars", "stop_reason", "llm"], "best"),
        ("rule `strict`", ["python"], "error"),
    ]
    assert told["barred"] == [
        {"model": "big", "detail": "excluded by `only` of rule `private stays`"}
    ]


def test_no_checks_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(CHECKED)
    assert "Checks" not in run("explain", "Hi", "-p", path).out
    assert run("explain", "Hi", "-p", path, "--json").json["accept"] == []
