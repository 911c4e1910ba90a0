"""Use the policy inside your own application, and call the models yourself.

python examples/embed.py [POLICY]
"""

from __future__ import annotations

import sys
from pathlib import Path

from policy_router import Request, decide, load


def main(path: str) -> None:
    policy = load(path)
    for request in (
        Request(task="chat", tokens=40),
        Request(task="code", complexity="complex", tokens=900),
        Request(task="code", tokens=900, tags={"private"}),
        Request(tokens=200_000, needs={"tools"}),
    ):
        decision = decide(policy, request)
        order = " > ".join(candidate.name for candidate in decision.candidates)
        print(f"{decision.task}, {request.tokens} tokens, tags {sorted(request.tags)}")
        print(f"  {order or 'no model'}")
        for skip in decision.skipped:
            print(f"  not {skip.model}: {skip.detail}")


if __name__ == "__main__":
    default = str(Path(__file__).parents[1] / "policies")
    main(sys.argv[1] if len(sys.argv) > 1 else default)
