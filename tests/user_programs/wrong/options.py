"""Calls that mypy refuses. The comment of a line is the error that is expected there."""

from policy_router import Request, Router, classify, load

policy = load("policies/")
router = Router.open("policies/")
messages = [{"role": "user", "content": "Hello!"}]

router.route(usr="ada")  # call-arg: Unexpected keyword argument "usr"
router.route(tag=["private"])  # call-arg: Unexpected keyword argument "tag"
router.route(tags="private")  # arg-type: "str"
router.route(needs="tools")  # arg-type: "str"
router.route(max_cost="abc")  # arg-type: "str"
router.route(prefer="cheapest")  # arg-type: "str"
router.route(attributes={"plan": None})  # dict-item: "None"
router.route("Hello!")  # arg-type: "str"
router.route(messages, api_base="https://example.org")  # call-arg: "api_base"
router.completion(messages, usr="ada")  # call-overload: "completion"
router.completion(messages, tag=["private"])  # call-overload: "completion"
router.completion(messages, max_cost="abc")  # call-overload: "completion"
router.completion(messages, max_tokens="5")  # call-overload: "completion"
router.completion(messages, api_key="sk-1")  # call-overload: "completion"
router.completion(messages, stream="yes")  # call-overload: "completion"
router.completion("Hello!")  # arg-type: "str"
router.completion()  # call-overload: "completion"
candidates = router.completion(messages).decision.candidats  # attr-defined: "candidats"
served_by = router.completion(messages, stream=True).servd_by  # attr-defined: "servd_by"


async def main() -> None:
    await router.acompletion(messages, usr="ada")  # call-overload: "acompletion"
    await router.acompletion(messages, task=5)  # call-overload: "acompletion"
    await router.aroute(messages, complexity=["hard"])  # arg-type: "list[str]"


classify(policy, messages, tag=["private"])  # call-arg: "tag"
classify(policy, messages, max_cost="abc")  # arg-type: "str"
Request(tsk="code")  # call-arg: "tsk"
Request(max_cost="abc")  # arg-type: "str"
load()  # call-overload: "load"
load("policies/", text="version: 1")  # call-overload: "load"
Router.open("policies/", observe=print)  # call-arg: "observe"
Router.open("policies/", on_event=lambda: None)  # arg-type: "on_event"
