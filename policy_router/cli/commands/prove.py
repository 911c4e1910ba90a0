"""The `prove` command: whether the promises of policies hold."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.options.policy import choose, proved_policy
from policy_router.cli.output import fail, inform, show, show_json
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from policy_router.assurance.promises import Proof
    from policy_router.decision.policy import Policy


def prove(
    *,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATHS", help="Policy files, or folders of them, each one policy."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy", "-p", metavar="PATH", help="The policy to prove when there are no PATHS."
        ),
    ] = None,
    write_test: Annotated[
        bool,
        typer.Option(
            "--write-test",
            help="Add each request that breaks a promise to the tests of the policy, in "
            "promises.test.yaml in its folder or POLICY.test.yaml next to POLICY.yaml.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Prove the promises under `invariants`, or refute them.

    \b
    policy-router prove
    policy-router prove policies/ other.yaml --json

    Exit code 0: all promises are proved, 1: one is broken or undecided, or a policy has errors, 2:
    no policy files were found.
    """
    from policy_router.assurance import promises  # noqa: PLC0415  most commands prove nothing
    from policy_router.views import proofs as view  # noqa: PLC0415  as above

    if paths and policy:
        raise typer.BadParameter(
            "cannot be combined with PATHS; use one of them", param_hint="--policy"
        )
    places = list(dict.fromkeys(paths or [choose(policy)]))
    proved: dict[str, tuple[Policy, tuple[Proof, ...]]] = {}
    for path in places:
        proved[str(path)] = proved_policy(path)
        if write_test:
            _write_tests(path, *proved[str(path)])
    if json:
        show_json(view.as_json(proved))
    else:
        for path_, (opened, proofs) in proved.items():
            if len(proved) > 1:
                show([printable(path_)])
            show([*view.as_lines(opened, proofs, path_), view.summary(proofs)])
    every = [proof for _, proofs in proved.values() for proof in proofs]
    if any(proof.verdict is not promises.ProofVerdict.PROVED for proof in every):
        raise typer.Exit(ExitCode.FINDINGS)


def _write_tests(path: Path, policy: "Policy", proofs: "tuple[Proof, ...]") -> None:
    from policy_router.views.proof_tests import as_tests  # noqa: PLC0415  as above

    tests = as_tests(policy, proofs)
    if not tests:
        inform("no promise is broken by a request that a test can state; nothing is written")
        return
    target = path / "promises.test.yaml" if path.is_dir() else path.with_suffix(".test.yaml")
    if target.exists():
        text = target.read_text(encoding="utf-8")
        sections = [line for line in text.splitlines() if line[:1].isalpha()]
        if sections[-1:] != ["tests:"]:
            fail(f"`{target}` does not end with its tests; move them to its end")
    else:
        text = "version: 1\ntests:\n"
    added = [test for test in tests if test not in text]
    if not added:
        inform(printable(f"{target} has a test of each of these requests already"))
        return
    target.write_text(f"{text.rstrip()}\n{''.join(added)}", encoding="utf-8")
    inform(printable(f"written: {target}"))
