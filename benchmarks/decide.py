"""How long a decision takes, beside other ways to evaluate the same rules, all in one run.

    python benchmarks/decide.py [--requests 2000] [--seed 1] [--quick]

Every row evaluates the same requests under the same conditions. `policy-router` gives the full
decision: ordered candidates, each with what gave it its place, and the reason for every model that
is out. The latter and the names of the rules are written out when they are first read: the row
`reasons read` does so for every request. The other engines only say which rules match; LiteLLM's
Router only picks one deployment of as many, without any rule. Times are microseconds a request;
compare them within one run.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.made_policies import Made, made_policy, made_request
from policy_router import Request, Snapshot, decide
from policy_router.check.report import inspect
from policy_router.language.files import PolicyFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policy_router import Policy

Facts = dict[str, Any]
NOW = 1_795_000_000.0
KINDS = NEW, SEEN, READ = "new requests", "seen requests", "new, reasons read"
"""What `policy-router` is measured with: requests it never saw, the same once more, and others that
it never saw with every reason read."""


def times(call: Callable[[Any], object], inputs: Sequence[Any]) -> tuple[float, float]:
    """Microseconds of one call: median and 99th percentile."""
    found = []
    for each in inputs:
        start = time.perf_counter_ns()
        call(each)
        found.append(time.perf_counter_ns() - start)
    found.sort()
    return found[len(found) // 2] / 1000, found[int(len(found) * 0.99)] / 1000


def compiled(made: Made) -> Policy:
    report = inspect([PolicyFile("made.yaml", made.text.encode())])
    if report.policy is None:
        raise SystemExit(str(report.diagnostics[:3]))
    return report.policy


def deciding(policy: Policy) -> Callable[[Request], object]:
    snapshot = Snapshot(NOW)
    return lambda request: decide(policy, request, snapshot)


def reading(policy: Policy) -> Callable[[Request], object]:
    snapshot = Snapshot(NOW)

    def call(request: Request) -> object:
        decision = decide(policy, request, snapshot)
        return decision.rules, decision.skipped

    return call


def names_of(request: Facts) -> Facts:
    """The request as the flat names that an expression reads."""
    flat = {k: v for k, v in request.items() if k != "attributes"}
    return {**flat, **request["attributes"]}


def simpleeval_loop(conditions: Sequence[str]) -> Callable[[Facts], object]:
    from simpleeval import EvalWithCompoundTypes

    evaluator = EvalWithCompoundTypes(allowed_attrs={str: {"startswith"}})
    parsed = [(text, ast.parse(text, mode="eval").body) for text in conditions]

    def match(facts: Facts) -> list[int]:
        evaluator.names = facts
        return [
            i
            for i, (text, tree) in enumerate(parsed)
            if evaluator.eval(text, previously_parsed=tree)
        ]

    return match


def cel_loop(conditions: Sequence[str]) -> Callable[[Facts], object]:
    import cel

    def translate(text: str) -> str:
        text = re.sub(r"'([\w-]+)' not in tags", r"!('\1' in tags)", text)
        text = (
            text.replace(" and ", " && ")
            .replace(" or ", " || ")
            .replace("startswith", "startsWith")
        )
        return text.replace("not stream", "!stream")

    programs = [cel.compile(translate(text)) for text in conditions]

    def match(facts: Facts) -> list[int]:
        context = cel.Context(variables={**facts, "tags": list(facts["tags"])})
        return [i for i, program in enumerate(programs) if program.execute(context)]

    return match


def casbin_loop(conditions: Sequence[str]) -> Callable[[Facts], object]:
    import casbin

    model = casbin.Model()
    model.load_model_from_text(
        "[request_definition]\nr = sub\n[policy_definition]\np = rule, name\n"
        "[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = eval(p.rule)\n"
    )
    enforcer = casbin.Enforcer(model)
    names = [
        "task",
        "complexity",
        "tokens",
        "tags",
        "user",
        "team",
        "stream",
        "plan",
        "region",
        "internal",
        "tenant",
    ]
    for i, text in enumerate(conditions):
        # casbin has neither methods nor `not in`; what it lacks is left out, in its favour.
        kept = [
            part
            for part in re.split(r" and ", text.replace("(", "").replace(")", ""))
            if "startswith" not in part and " in " not in part and "stream" not in part
        ]
        rule = " && ".join(kept or ["tokens > 0"]).replace(" or ", " || ")
        for name in names:
            rule = re.sub(rf"\b{name}\b(?!['-])", f"r.sub.{name}", rule)
        enforcer.add_policy(rule.replace("r.sub.internal", "r.sub.internal == True"), f"rule-{i}")

    class Subject:
        def __init__(self, facts: Facts) -> None:
            self.__dict__.update(facts)

    return lambda facts: enforcer.enforce(Subject(facts))


def litellm_pick(models: Sequence[str], strategy: str) -> Callable[[Facts], object]:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    import litellm

    litellm.suppress_debug_info = True
    router = litellm.Router(
        model_list=[
            {
                "model_name": "all",
                # A model of its table, so that it knows the price; only the id differs.
                "litellm_params": {"model": "openai/gpt-4o-mini", "api_key": "none"},
                "model_info": {"id": name},
            }
            for name in models
        ],
        routing_strategy=strategy,
    )
    messages = [{"role": "user", "content": "Hi"}]
    return lambda _: router.get_available_deployment(model="all", messages=messages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="policy-router alone")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    requests = [made_request(rng) for _ in range(options.requests)]
    warm_up = [Request(**made_request(rng)) for _ in range(200)]  # type: ignore[arg-type]  # by name
    table = Table(requests, [names_of(r) for r in requests], warm_up)
    print(f"{'rules':>6} {'models':>6}  {'engine':34} {'p50 us':>9} {'p99 us':>9}  of ours")
    for models in (5, 50):
        for rules in (10, 100, 1000):
            table.ours(rules, models)
            if not options.quick:
                table.others(rules, models)
        if not options.quick:
            table.litellm(models)
    for kind in KINDS:
        small, large = table.medians[10, 50, kind], table.medians[1000, 50, kind]
        print(f"{kind}: 1,000 rules take {large / small:.2f} times what 10 take (50 models)")


class Table:
    """The rows of the report. medians: of ours, by rules, models and kind."""

    def __init__(self, requests: list[Facts], flat: list[Facts], warm_up: list[Request]) -> None:
        self.asked = [Request(**r) for r in requests]
        self.flat = flat
        self.warm_up = warm_up
        self.medians: dict[tuple[int, int, str], float] = {}

    def row(self, size: tuple[object, int], name: str, p50: float, p99: float, ours: float) -> None:
        print(f"{size[0]:>6} {size[1]:6}  {name:34} {p50:9.1f} {p99:9.1f}  {p50 / ours:.1f}x")

    def ours(self, rules: int, models: int) -> None:
        made = made_policy(rules, models)
        for make, kinds in ((deciding, (NEW, SEEN)), (reading, (READ,))):
            call = make(compiled(made))
            for request in self.warm_up:
                call(request)
            for kind in kinds:
                p50, p99 = times(call, self.asked)
                self.medians[rules, models, kind] = p50
                ours = self.medians[rules, models, NEW]
                self.row((rules, models), f"policy-router, {kind}", p50, p99, ours)

    def others(self, rules: int, models: int) -> None:
        conditions = made_policy(rules, models).conditions
        ours = self.medians[rules, models, NEW]
        some = self.flat[: max(20, 20_000 // rules)]
        few = self.flat[: max(3, 300 // rules)]
        for name, make, inputs in (
            ("loop over parsed simpleeval", simpleeval_loop, some),
            ("loop over Rust CEL programs", cel_loop, some),
            ("casbin, rules as matchers", casbin_loop, few),
        ):
            self.row((rules, models), name, *times(make(conditions), inputs), ours)

    def litellm(self, models: int) -> None:
        ours = self.medians[1000, models, NEW]
        for strategy in ("simple-shuffle", "latency-based-routing"):
            try:
                found = times(
                    litellm_pick(made_policy(1, models).models, strategy), self.flat[:200]
                )
            except Exception as error:  # noqa: BLE001  a rival that will not run is a row, not a crash
                print(f"{'-':>6} {models:6}  litellm {strategy}: {type(error).__name__}: {error}")
            else:
                self.row(("-", models), f"litellm {strategy}, no rules", *found, ours)


if __name__ == "__main__":
    main()
