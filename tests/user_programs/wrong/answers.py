"""Reading of answers that mypy refuses. The comment of a line is the error expected there."""

from policy_router import Router

router = Router.open("policies/")
messages = [{"role": "user", "content": "Hello!"}]
answer = router.completion(messages)

misspelled = answer.choices[0].messge  # attr-defined: "messge"
unknown = answer.choices[0].message.contnt  # attr-defined: "contnt"
length = len(answer.choices[0].message.content)  # arg-type: "str | None"
tokens = answer.usage.prompt_tokens  # union-attr: "None"
answer.served_by = "small"  # misc: read-only
for _ in answer:  # attr-defined: "__iter__"
    pass
for piece in router.completion(messages, stream=True):
    text = piece.choices[0].message  # attr-defined: "message"
dumped = answer.model_dump()["choices"][0]  # index: "object"
attempt = answer.attempts[0].modle  # attr-defined: "modle"


def finish(reason: object) -> None: ...


async def main() -> None:
    waiting = router.acompletion(messages)
    await waiting.choices  # attr-defined: "choices"
    stream = await router.acompletion(messages, stream=True)
    for _ in stream:  # attr-defined: "__iter__"
        pass
    async for late in stream:
        finish(late.choices[0].finish)  # attr-defined: "finish"
