"""Serve customers of several plans from one policy, answers included.

    python examples/customers.py

The models are simulated: a real HTTP server on this machine stands in for the providers.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from policy_router import Router
from policy_router.providers.simulated import Behaviour, Fail, Say, Simulated

POLICY = Path(__file__).with_name("customers.yaml")


async def serve(router: Router, customer: str, plan: str, prompt: str, *tags: str) -> None:
    answer = await router.acompletion(
        messages=[{"role": "user", "content": prompt}],
        user=customer,
        tags=tags,
        attributes={"plan": plan},
    )
    print(f"{customer}, {plan}{''.join(f', {tag}' for tag in tags)}")
    for rule in answer.decision.rules:
        print(f"  rule: {rule}")
    for attempt in answer.attempts:
        print(f"  asked {attempt.model}: {attempt.failure or 'answered'}")
    print(f"  {answer.choices[0].message.content}")


async def main() -> None:
    # The best model is overloaded at first; its customer still gets an answer.
    scripts: dict[str, Behaviour | list[Behaviour]] = {
        "frontier": [Fail(529), Say("A proof ...")],
        "own-small": Say("Hello!"),
    }
    with Simulated(scripts) as provider, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customers.yaml"
        text = POLICY.read_text(encoding="utf-8")
        path.write_text(text.replace("http://127.0.0.1:8000/v1", provider.url), encoding="utf-8")
        async with Router.open(path, watch="off") as router:
            await serve(router, "ada", "free", "Hi!")
            await serve(router, "bob", "enterprise", "Prove it.")
            await serve(router, "bob", "enterprise", "Read our contract.", "confidential")
            await serve(router, "eve", "enterprise", "Prove it.")


if __name__ == "__main__":
    asyncio.run(main())
