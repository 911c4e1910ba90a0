"""The deployment examples: they parse, they agree with each other, and they name what exists."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from policy_router import Router
from policy_router.check.report import inspect_path
from policy_router.cli.app import command
from policy_router.observe.policy_metrics import PolicyMetrics
from policy_router.observe.prometheus import PrometheusMetrics
from policy_router.server.app import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "examples" / "deploy"
PORT: Final = 4141
POLICIES: Final = "/etc/policy-router/policies"
KEYS: Final = "/etc/policy-router/keys/keys.json"
STATE: Final = "/var/lib/policy-router"
PROGRAM: Final = "policy-router"


def text(name: str) -> str:
    return (FOLDER / name).read_text()


def dockerfile() -> dict[str, list[str]]:
    """The instructions of the last stage, and their arguments."""
    stage = re.split(r"^FROM ", text("Dockerfile").replace("\\\n", " "), flags=re.MULTILINE)[-1]
    found: dict[str, list[str]] = {}
    for line in stage.splitlines()[1:]:
        name, _, rest = line.partition(" ")
        found.setdefault(name, []).append(rest.strip())
    return found


def compose() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(text("compose.yaml"))["services"]
    return services


def objects() -> dict[str, Any]:
    """The objects of the cluster, by their kind."""
    return {each["kind"]: each for each in yaml.safe_load_all(text("kubernetes.yaml"))}


def pod() -> dict[str, Any]:
    spec: dict[str, Any] = objects()["Deployment"]["spec"]["template"]["spec"]
    return spec


def unit() -> dict[str, list[str]]:
    """The settings of the unit."""
    found: dict[str, list[str]] = {}
    for line in text("policy-router.service").replace("\\\n", " ").splitlines():
        name, mark, value = line.partition("=")
        if mark and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def expressions() -> Iterator[str]:
    """Every query of the dashboard and of the alerts."""
    for group in yaml.safe_load(text("alerts.yaml"))["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in json.loads(text("grafana-dashboard.json"))["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def commands() -> Iterator[list[str]]:
    """Every command line of the program in the examples and on their page, without its name."""
    instructions = dockerfile()
    assert json.loads(instructions["ENTRYPOINT"][0]) == [PROGRAM]
    yield json.loads(instructions["CMD"][0])
    yield compose()["policy-router"]["command"]
    yield pod()["containers"][0]["args"]
    for line in (*unit()["ExecStartPre"], *unit()["ExecStart"]):
        program, *rest = shlex.split(line)
        assert program == f"/opt/policy-router/bin/{PROGRAM}"
        yield rest
    pages = [(ROOT / "docs" / "deploy.md").read_text()]
    pages += [text(name) for name in ("compose.yaml", "kubernetes.yaml")]
    for page in pages:
        for line in re.findall(rf"^(?:#   )?({PROGRAM} .*)$", page, flags=re.MULTILINE):
            yield shlex.split(line)[1:]


def test_the_program_understands_every_command_line() -> None:
    every = list(commands())
    assert len(every) >= 10
    for arguments in every:
        group = command(arguments)
        with group.make_context(PROGRAM, list(arguments)) as context:
            name, found, rest = group.resolve_command(context, arguments)
            with found.make_context(name, rest, parent=context) as parsed:
                assert not parsed.args


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_a_server_for_others_has_keys(words: list[str]) -> None:
    if words[0] == "serve":
        assert "--keys" in words


def test_ports_agree() -> None:
    instructions, (container,) = dockerfile(), pod()["containers"]
    assert instructions["EXPOSE"] == [str(PORT)]
    assert f":{PORT}/" in instructions["HEALTHCHECK"][0]
    assert compose()["policy-router"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert container["ports"] == [{"name": "http", "containerPort": PORT}]
    assert objects()["Service"]["spec"]["ports"][0]["targetPort"] == "http"
    for words in commands():
        if "--port" in words:
            assert words[words.index("--port") + 1] == str(PORT)


def test_probes_are_endpoints_that_need_no_key() -> None:
    free = {each.path for each in ENDPOINTS if each.access.value == "everyone"}
    container = pod()["containers"][0]
    probes = [
        container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")
    ]
    assert {probe["path"] for probe in probes} == {"/healthz", "/readyz"} <= free
    assert {probe["port"] for probe in probes} == {"http"}
    assert re.findall(rf":{PORT}(/\w+)", dockerfile()["HEALTHCHECK"][0]) == ["/readyz"]


def test_paths_agree_and_folders_are_mounted() -> None:
    environment = " ".join(dockerfile()["ENV"])
    assert f"POLICY_ROUTER_POLICY={POLICIES}" in environment
    assert f"POLICY_ROUTER_STATE=sqlite:///{STATE}/" in environment
    assert dockerfile()["VOLUME"] == [STATE]
    folders = {POLICIES, str(Path(KEYS).parent)}
    mounted = {each.split(":")[1] for each in compose()["policy-router"]["volumes"]}
    assert mounted == folders
    mounts = {each["name"]: each for each in pod()["containers"][0]["volumeMounts"]}
    assert folders < {each["mountPath"] for each in mounts.values()}
    assert not any("subPath" in each for each in mounts.values())
    assert {each["name"] for each in pod()["volumes"]} == set(mounts)
    for words in commands():
        if "--keys" in words and words[0] == "serve" and "--policy" not in words:
            assert words[words.index("--keys") + 1] == KEYS
    assert unit()["StateDirectory"] == [PROGRAM] == unit()["LogsDirectory"]


def test_nothing_has_rights() -> None:
    assert dockerfile()["USER"] == ["10001:10001"]
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["securityContext"]["runAsUser"] == 10001
    limits = pod()["containers"][0]["securityContext"]
    assert limits["readOnlyRootFilesystem"] is True
    assert limits["capabilities"] == {"drop": ["ALL"]}
    service = compose()["policy-router"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert unit()["CapabilityBoundingSet"] == [""]
    assert unit()["NoNewPrivileges"] == ["yes"]


def test_what_stops_the_server_waits_longer_than_the_server() -> None:
    def grace(words: list[str]) -> int:
        return int(words[words.index("--grace") + 1])

    service = compose()["policy-router"]
    assert int(service["stop_grace_period"].removesuffix("s")) >= grace(service["command"]) + 10
    container = pod()["containers"][0]
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod()["terminationGracePeriodSeconds"] >= pause + grace(container["args"]) + 10
    started = shlex.split(unit()["ExecStart"][0])
    assert int(unit()["TimeoutStopSec"][0]) >= grace(started) + 10


def test_the_image_is_made_of_locked_packages() -> None:
    build = text("Dockerfile")
    assert "--require-hashes -r requirements/run.txt" in build
    locked = (ROOT / "requirements" / "run.txt").read_text()
    # Without it the image could not use the store that the examples name.
    assert re.search(r"^redis==", locked, flags=re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", build, flags=re.MULTILINE)
    ignored = text("Dockerfile.dockerignore")
    for name in " ".join(copied).split():
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored.splitlines()


def test_the_policy_of_the_cluster_has_no_findings(tmp_path: Path) -> None:
    (name, policy), *more = objects()["ConfigMap"]["data"].items()
    assert not more
    (tmp_path / name).write_text(policy)
    report = inspect_path(tmp_path)
    assert report.policy is not None
    assert not report.findings
    keys = {each.api_key_env for each in report.policy.models}
    assert all(f"--from-literal={key}=" in text("kubernetes.yaml") for key in keys if key)


def metric_names() -> dict[str, set[str]]:
    """The names that Prometheus knows, with the labels of each."""
    known: dict[str, set[str]] = {}
    for collector in vars(PrometheusMetrics()).values():
        if hasattr(collector, "_labelnames"):
            family = next(iter(collector.describe()))
            labels = set(collector._labelnames)
            ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
            for end in ends.get(family.type, [""]):
                known[family.name + end] = labels | {"job", "instance", "le"}
    policy = PolicyMetrics()
    with Router.open(ROOT / "policies", watch="off") as policy.source:
        for shown in policy.collect():
            known[shown.name] = set(shown._labelnames) | {"job", "instance"}
    return known


def test_every_metric_and_label_of_dashboard_and_alerts_exists() -> None:
    known = metric_names()
    recorded = {
        rule["record"]
        for group in yaml.safe_load(text("alerts.yaml"))["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    for expression in expressions():
        used = re.findall(r"\bpolicy_router[\w:]*", expression)
        assert used
        assert set(used) <= known.keys() | recorded, expression
        labels = set().union(*(known.get(name, set()) for name in used))
        for group in re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", expression):
            assert {each.strip() for each in group.split(",") if each.strip()} <= labels, expression
        for name, selectors in re.findall(r"\b(policy_router\w*)\{([^}]*)\}", expression):
            assert set(re.findall(r"(\w+)[=!]", selectors)) <= known[name], expression


def test_the_board_has_twelve_panels_and_alerts_have_remedies() -> None:
    panels = json.loads(text("grafana-dashboard.json"))["panels"]
    assert len({panel["title"] for panel in panels}) == 12 == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == 12
    (group,) = yaml.safe_load(text("alerts.yaml"))["groups"]
    alerts = [rule for rule in group["rules"] if "alert" in rule]
    assert len(alerts) >= 5
    for rule in alerts:
        assert set(rule["annotations"]) == {"summary", "action"}
