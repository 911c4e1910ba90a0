"""The faults: what a provider sends, and what must follow. One row each, for every format."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.simulated import Cut, Fail, Garble, Redirect, Say
from tests.faults.dialects import LAST, TEXT, Dialect, chunk, head, whole
from tests.faults.expected import Expected
from tests.faults.server import Play
from tests.providers.contract.faults import FAULTS as CONTRACT
from tests.providers.contract.faults import IN_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from policy_router.providers.simulated import Behaviour
    from tests.providers.contract.faults import Expected as OfContract

    Player = Callable[[Dialect, bool], Play]

GOOD: Final = Say(TEXT)
KEY: Final = "sk-canary-4f1d2c7ab9e05518"
"""The key of every faulty model."""
EVERY: Final = frozenset({"chat", "messages", "responses", "gemini", "ollama"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One row.

    Attributes:
        name: What goes wrong.
        play: What the server does, for a format and for whole answers or streams.
        whole: What must follow of a call for a whole answer; None where it cannot occur.
        stream: The same for a stream.
        dialects: The formats in which it can occur.
        limits: Fields of the model that make the test quick.
        otherwise: What must follow instead, by format.
    """

    name: str
    play: Player
    whole: Expected | None
    stream: Expected | None
    dialects: frozenset[str] = EVERY
    limits: str = ""
    otherwise: dict[str, Expected] | None = None

    def expected(self, dialect: Dialect, *, stream: bool) -> Expected | None:
        """What must follow; None where the fault cannot occur."""
        usual = self.stream if stream else self.whole
        if usual is None or dialect.name not in self.dialects:
            return None
        return (self.otherwise or {}).get(dialect.name, usual)


# -- building plays -----------------------------------------------------------------------------


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def constant(data: bytes, **more: Any) -> Player:
    """The same bytes for every format."""
    return lambda *_: Play((data,), **more)


def status(number: int, *headers: str, body: bytes | None = None, kind: str = "application/json",
           **fail: Any) -> Player:  # fmt: skip
    """A refusal with an error object, or with another body."""

    def play(dialect: Dialect, _: bool) -> Play:
        sent = dumped(dialect.error(Fail(number, **fail))) if body is None else body
        return Play((whole(sent, number, kind, *headers),))

    return play


def answers(make: Callable[[Dialect], bytes], kind: str = "application/json",
            *headers: str) -> Player:  # fmt: skip
    """This body with status 200."""
    return lambda dialect, _: Play((whole(make(dialect), 200, kind, *headers),))


def streams(make: Callable[[Dialect], Iterable[bytes]], *, end: Any = "close",
            last: bytes = LAST, **more: Any) -> Player:  # fmt: skip
    """A stream of these pieces, each as a chunk."""

    def play(dialect: Dialect, _: bool) -> Play:
        start = head(200, dialect.stream_type, "transfer-encoding: chunked")
        parts = [start, *(chunk(piece) for piece in make(dialect) if piece), last]
        return Play(tuple(parts), end, **more)

    return play


def good(dialect: Dialect, say: Say = GOOD) -> list[bytes]:
    """All of a good stream."""
    return [*dialect.frames(say), dialect.end]


def joined(dialect: Dialect, say: Say = GOOD) -> bytes:
    return b"".join(good(dialect, say))


def plain(dialect: Dialect, say: Say = GOOD) -> bytes:
    return dumped(dialect.answer(say))


def parts(data: bytes, pause: float) -> tuple[bytes | float, ...]:
    """Data that is sent again and again for a while."""
    return (data, pause) * 30


def either(for_whole: Player, for_stream: Player) -> Player:
    return lambda dialect, stream: (for_stream if stream else for_whole)(dialect, stream)


def failed(kind: str, **more: Any) -> Expected:
    return Expected(kind, **more)


def both(name: str, play: Player, kind: str, *, limits: str = "",
         dialects: frozenset[str] = EVERY, **more: Any) -> Fault:  # fmt: skip
    """A row with the same consequence for whole answers and for streams."""
    expected = failed(kind, **more)
    return Fault(name, play, expected, expected, dialects, limits)


ANSWERED: Final = Expected(None, text=TEXT)
GUESSED: Final = Expected(None, billed="estimated", text=TEXT)
CHAT: Final = frozenset({"chat"})
SSE: Final = EVERY - {"ollama"}
CODED: Final = frozenset({"chat", "messages", "responses"})


# -- rows of the contract -----------------------------------------------------------------------


def acted(dialect: Dialect, behaviour: Behaviour, *, stream: bool) -> Play:
    """What a simulated provider does, as bytes."""
    match behaviour:
        case Fail() as fail:
            wait = [] if fail.retry_after is None else [f"retry-after: {fail.retry_after}"]
            sent = dumped(dialect.error(fail))
            return Play((whole(sent, fail.status, "application/json", *wait),))
        case Garble(body, kind, code):
            return Play((whole(body.encode(), code, kind),))
        case Redirect(to, code):
            return Play((whole(b"", code, "text/plain", f"location: {to}"),))
        case Cut(None, reset=reset):
            return Play((), "reset" if reset else "close")
        case Cut():
            beginning = streams(lambda d: d.begun(), last=b"")
            return beginning(dialect, stream) if stream else half(dialect, stream)
        case Say() as say if stream:
            return streams(lambda d: good(d, say))(dialect, stream)
        case Say() as say:
            return answers(lambda d: plain(d, say))(dialect, stream)
    raise AssertionError(f"no bytes are known for {behaviour}")


def half(dialect: Dialect, _: bool) -> Play:
    body = plain(dialect)
    return Play((whole(body, 200)[: -len(body) // 2],))


def of_contract(name: str) -> Fault:
    """A row of the contract of the callers, with what must follow it at a router."""
    row = CONTRACT[name]
    dialects = {"chat"} if row.chat is not None else set()
    dialects |= {"messages"} if row.messages is not None else set()

    def play(dialect: Dialect, stream: bool) -> Play:
        behaviour = row.chat if dialect.name == "chat" else row.messages
        assert behaviour is not None
        return acted(dialect, behaviour, stream=stream)

    def consequence(expected: OfContract | None, *, stream: bool = False) -> Expected | None:
        if expected is None:
            return None
        if expected.kind is None:
            return replace(GUESSED if name in UNCOUNTED else ANSWERED, text=None)
        scope = None if expected.scope is None else expected.scope.value
        kind, began = expected.kind.value, stream and name in BEGUN
        in_200 = name.startswith("reason-") or name == "error-in-choice" or "filtered" in name
        in_200 = in_200 or (kind == "server_error" and stream and name not in REFUSED)
        wait = 30.0 if name in {"429", "503-wait"} else None
        return Expected(kind, scope, wait, began, "estimated" if in_200 else None)

    other = IN_MESSAGES.get(name)
    found = consequence(other)
    usual = consequence(row.whole) or consequence(row.stream, stream=True)
    if found is None and name in COUNTED_IN_MESSAGES and usual is not None:
        found = replace(usual, billed="counted")
    special = None if found is None else {"messages": found}
    return Fault(
        name, play, consequence(row.whole), consequence(row.stream, stream=True),
        frozenset(dialects), otherwise=special,
    )  # fmt: skip


REFUSED: Final = frozenset({"500", "502", "503-wait"})
COUNTED_IN_MESSAGES: Final = frozenset(
    {"reason-error", "reason-none", "reason-unknown", "calls-without-a-call", "empty", "filtered",
     "stream-empty", "stream-filtered"}
)  # fmt: skip
"""Bad answers that say in Anthropic's format how many tokens they have."""
UNCOUNTED: Final = frozenset(
    {"fine-without-usage", "fine-in-few-words", "fine-repeating", "refusal", "stream-refusal"}
)
"""Good answers of the contract that do not say how many tokens they have."""
BEGUN: Final = frozenset(
    name
    for name, row in CONTRACT.items()
    if name == "cut-in-the-body"
    or (
        isinstance(row.chat, Garble)
        and '"content": "' in row.chat.body
        and "delta" in row.chat.body
    )
)
"""Faults of the contract that come after some text of a stream."""

# -- statuses -----------------------------------------------------------------------------------

STATUSES: Final = {
    406: "refused", 407: "refused", 408: "connect", 410: "model_gone", 411: "refused",
    412: "refused", 414: "refused", 415: "refused", 417: "refused", 418: "refused",
    421: "refused", 423: "refused", 424: "refused", 425: "conflict", 426: "refused",
    428: "refused", 431: "refused", 444: "refused", 460: "refused", 499: "refused",
    501: "server_error", 503: "server_error", 504: "server_error", 505: "server_error",
    507: "server_error", 508: "server_error", 511: "server_error", 520: "server_error",
    521: "server_error", 522: "server_error", 523: "server_error", 524: "server_error",
    525: "server_error", 530: "server_error", 599: "server_error",
    300: "redirected", 301: "redirected", 302: "redirected", 303: "redirected",
    304: "redirected", 308: "redirected",
}  # fmt: skip

CODES: Final = [
    (400, "billing_not_active", "quota_exhausted", None),
    (400, "invalid_api_key", "credential", None),
    (400, "unknown_parameter", "unsupported", None),
    (400, "unsupported_value", "unsupported", None),
    (422, "extra_forbidden", "unsupported", None),
    (400, "content_policy_violation", "content_policy", None),
    (400, "invalid_image", "invalid_request", None),
    (400, "invalid_function_parameters", "invalid_request", None),
    (400, "tool_use_failed", "malformed", "request"),
    (400, "json_validate_failed", "malformed", "request"),
    (400, "model_decommissioned", "model_gone", None),
    (400, "unsupported_country_region_territory", "forbidden", "provider"),
    (403, "insufficient_credits", "quota_exhausted", None),
    (403, "account_deactivated", "credential", None),
    (404, "deploymentnotfound", "model_gone", None),
    (413, "request_too_large", "context_too_long", None),
    (429, "billing_hard_limit_reached", "quota_exhausted", None),
    (429, "engine_overloaded_error", "overloaded", None),
    (429, "free-models-per-day", "quota_exhausted", "model"),
    (429, "weekly_spend_limit_exceeded", "quota_exhausted", None),
    (500, "rate_limit_exceeded", "rate_limited", None),
    (500, "context_length_exceeded", "context_too_long", None),
    (503, "modelnotreadyexception", "overloaded", None),
]


def coded(code: int, word: str, kind: str, scope: str | None) -> Fault:
    billed = "nothing" if kind == "malformed" else None
    return both(f"{code} {word}", status(code, code=word), kind, scope=scope, billed=billed,
                dialects=CODED)  # fmt: skip


PAGE: Final = b"<html><body>Please wait</body></html>"
PAGES: Final = [(400, "bad_request", None), (401, "credential", None),
                (403, "forbidden", "request"), (404, "model_gone", None),
                (429, "rate_limited", None), (500, "server_error", None),
                (502, "server_error", None), (503, "server_error", None)]  # fmt: skip
WAITS: Final = {
    "retry-after: 0.05": 1.0, "retry-after: 45": 45.0, "retry-after-ms: 40000": 40.0,
    "retry-after: -3": None, "retry-after: soon": None, "retry-after: 99999999": None,
    "retry-after: 172800": 86400.0, "retry-after: Wed, 21 Oct 2015 07:28:00 GMT": None,
    "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 41s": 41.0,
    "x-ratelimit-remaining-requests: 3\r\nx-ratelimit-reset-requests: 41s": None,
}  # fmt: skip


def waiting(header: str, seconds: float | None) -> Fault:
    name = f"429 {header.replace('x-ratelimit-', '').replace(chr(13), '').replace(chr(10), ' ')}"
    return both(name, status(429, header), "rate_limited", wait=seconds)


# -- connections --------------------------------------------------------------------------------


def at_accept(**more: Any) -> Player:
    return lambda *_: Play(at="accept", **more)


LOST: Final = "connection_lost"
CONNECTIONS: Final = [
    both("closed at accept", at_accept(), LOST, early=True),
    both("reset at accept", at_accept(end="reset"), LOST, early=True),
    both("nobody listens", lambda *_: Play(at="never"), "connect", hits=0),
    both("no HTTP but SSH", constant(b"SSH-2.0-OpenSSH_9.6\r\n"), "malformed"),
    both("a bad status line", constant(b"HTTP/1.1 abc def\r\n\r\n"), "malformed"),
    both("bare JSON", constant(b'{"choices": []}'), "malformed"),
    both("cut in the status line", constant(b"HTTP/1.1 20"), LOST),
    both("cut in the headers", constant(b"HTTP/1.1 200 OK\r\ncontent-type: appl"), LOST),
    both("reset in the headers", constant(b"HTTP/1.1 200 OK\r\nx: y\r\n", end="reset"), LOST),
    both("cut after the headers", either(
        constant(head(200, "application/json", "content-length: 400")),
        streams(lambda _: (), last=b"")), LOST),
    both("reset after the headers", either(
        constant(head(200, "application/json", "content-length: 400"), end="reset"),
        streams(lambda _: (), last=b"", end="reset")), LOST),
    Fault("reset in the body", lambda d, s: replace(
              streams(lambda d: d.begun(), last=b"")(d, s) if s else half(d, s), end="reset"),
          failed(LOST), failed(LOST, began=True)),
    both("a header that is none", constant(b"HTTP/1.1 200 OK\r\nno header at all\r\n\r\n{}"),
         "malformed"),
    both("a header of 200 kB", constant(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000 + b"\r\n\r\n{}"),
         "malformed"),
    both("two lengths", constant(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 7\r\n\r\n{}"), "malformed"),
    both("a bad chunk", constant(
        head(200, "text/event-stream", "transfer-encoding: chunked") + b"zz\r\n{}\r\n"),
        "malformed"),
    both("a length that is too small", answers(lambda _: b'{"choi'), "malformed"),
    both("no gzip at all", answers(lambda _: b"no gzip", "application/json",
                                   "content-encoding: gzip"), "malformed"),
    both("half of a gzip", either(
        answers(lambda d: gzip.compress(plain(d))[:-30], "application/json",
                "content-encoding: gzip"),
        lambda d, _: Play((whole(gzip.compress(joined(d))[:60], 200, d.stream_type,
                                 "content-encoding: gzip"),))), "malformed"),
]  # fmt: skip

# -- what no one may see --------------------------------------------------------------------------

SECRET: Final = f"the key {KEY} is wrong"
REVEALING: Final = [
    both("400 that repeats the key", status(400, message=SECRET), "bad_request"),
    both("401 that repeats the key", status(401, message=SECRET), "credential"),
    both("500 that repeats the key", status(500, message=SECRET), "server_error"),
    both("a page that repeats the key", status(400, body=f"<p>{SECRET}</p>".encode(),
                                               kind="text/html"), "bad_request"),
    Fault("an error event that repeats the key", streams(lambda d: [
              *d.begun(), d.frame(d.error(Fail(502, "bad_gateway", message=SECRET)))]),
          None, failed("server_error", began=True), frozenset({"chat", "messages"})),
]  # fmt: skip

# -- silence, and no end ------------------------------------------------------------------------

QUIET: Final[dict[str, Any]] = {"end": "silence"}
MIB: Final = b" " * (1024 * 1024)
HANGS: Final = [
    both("silence at accept", at_accept(end="silence"), "timeout", limits="deadline: 1s"),
    both("silence before the headers", constant(b"", **QUIET), "timeout", limits="deadline: 1s"),
    both("silence in the headers", constant(b"HTTP/1.1 200 OK\r\nx: ", **QUIET), "timeout",
         limits="deadline: 1s"),
    Fault("silence in the body", lambda d, s: replace(
              streams(lambda d: d.begun(), last=b"")(d, s) if s else half(d, s), end="silence"),
          failed("timeout"), failed("timeout", began=True), limits="deadline: 2s, stall: 1s"),
    Fault("silence before the first token", streams(lambda d: d.begun(0)[:1], last=b"",
                                                    end="silence"),
          None, failed("timeout"), limits="first_token_within: 1s"),
    Fault("comments and no token", lambda d, _: Play(
              (head(200, d.stream_type, "transfer-encoding: chunked"),
               *parts(chunk(b": ping\n\n"), 0.1)), "silence"),
          None, failed("timeout"), SSE, limits="first_token_within: 1s"),
    Fault("a slow drip of one body", lambda __, _: Play(
              (head(200, "application/json", "content-length: 4000"), *parts(b"{", 0.1))),
          failed("timeout"), None, limits="deadline: 1s"),
    Fault("a drip beyond the deadline", lambda d, _: Play(
              (head(200, d.stream_type, "transfer-encoding: chunked"),
               *map(chunk, d.begun()), *parts(chunk(d.begun(3)[-1]), 0.1))),
          None, failed("timeout", began=True), frozenset({"chat", "gemini", "ollama"}),
          limits="deadline: 1s"),
    Fault("an endless body", lambda __, _: Play(
              (head(200, "application/json"), b'{"a": "'), more=b"a" * 65536),
          failed("malformed", scope="request"), None),
    Fault("an endless stream of nothing", lambda d, _: Play(
              (head(200, d.stream_type),), more=b": " + b"a" * 65536 + b"\n"),
          None, failed("malformed", scope="request"), SSE),
    Fault("an endless event", lambda d, _: Play((head(200, d.stream_type), b"data: "),
                                                more=b"a" * 65536),
          None, failed("malformed", scope="request"), SSE),
]  # fmt: skip

# -- bodies -------------------------------------------------------------------------------------


def body(name: str, data: bytes, kind: str = "malformed", **more: Any) -> Fault:
    return both(name, answers(lambda _: data), kind, **more)


def changed(name: str, value: object) -> Callable[[Dialect], bytes]:
    """A good answer with another value of a field; `...` takes it away."""

    def make(dialect: Dialect) -> bytes:
        answer = dialect.answer(Say(TEXT))
        if value is ...:
            answer.pop(name, None)
        else:
            answer[name] = value
        return dumped(answer)

    return make


def chosen(**fields: object) -> Callable[[Dialect], bytes]:
    """A good chat answer with other fields of its choice."""

    def make(dialect: Dialect) -> bytes:
        answer = dialect.answer(Say(TEXT))
        answer["choices"][0] = {k: v for k, v in {**answer["choices"][0], **fields}.items()
                                if v is not ...}  # fmt: skip
        return dumped(answer)

    return make


def of_choice(name: str, kind: str | None, billed: str | None = None, **fields: object) -> Fault:
    expected = Expected(kind, billed=billed)
    return Fault(name, answers(chosen(**fields)), expected, None, CHAT)


CALL: Final = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ERRORS_IN_200: Final = [
    ("error object with a code", {"error": {"code": "rate_limit_exceeded"}}, "rate_limited"),
    ("error object with a number", {"error": {"code": 503, "message": "no"}}, "server_error"),
    ("error object with digits", {"error": {"code": "429", "message": "no"}}, "rate_limited"),
    ("error object with a type", {"error": {"type": "overloaded_error"}}, "overloaded"),
    ("error text", {"error": "no capacity"}, "malformed"),
    ("errors in a list", {"errors": [{"message": "no"}]}, "malformed"),
    ("detail", {"detail": "no"}, "malformed"),
    ("message", {"message": "no", "code": 500}, "malformed"),
    ("success false", {"success": False, "data": None}, "malformed"),
    ("error beside empty choices", {"choices": [], "error": {"code": 502}}, "server_error"),
]


def error_in_200(name: str, value: object, kind: str) -> Fault:
    billed = "estimated" if kind in {"server_error", "malformed"} else None
    return both(f"200 with {name}", answers(lambda _: dumped(value)), kind, billed=billed,
                dialects=CHAT)  # fmt: skip


BODIES: Final = [
    body("200 null", b"null"),
    body("200 a text", b'"hello"'),
    body("200 a number", b"42"),
    body("200 an empty object", b"{}"),
    body("200 spaces", b"   \n"),
    body("200 invalid UTF-8", b'{"choices": [{"message": {"content": "\xff\xfe"}'),
    body("200 deep nesting", b"[" * 100_000),
    both("204", lambda *_: Play((b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",)),
         "malformed"),
    Fault("no finish reason", answers(chosen(finish_reason=...)), failed("malformed",
          billed="counted"), None, CHAT),
    of_choice("finish reason empty", "malformed", "counted", finish_reason=""),
    of_choice("finish reason a number", "malformed", "counted", finish_reason=7),
    of_choice("no message", "malformed", "counted", message=..., finish_reason=None),
    of_choice("message null", "empty", "counted", message=None),
    of_choice("finish reason cancelled", "server_error", "counted", finish_reason="cancelled"),
    of_choice("finish reason malformed_function_call", "malformed", "counted",
              finish_reason="malformed_function_call"),
    Fault("choices null", answers(changed("choices", None)), failed("malformed", billed="counted"),
          None, CHAT),
    Fault("choices a text", answers(changed("choices", "x")), failed("malformed",
          billed="counted"), None, CHAT),
    Fault("choices empty", answers(changed("choices", [])), failed("malformed", billed="counted"),
          None, CHAT),
    Fault("cut by length", either(answers(lambda d: plain(d, Say(TEXT, finish="length"))),
                                  streams(lambda d: good(d, Say(TEXT, finish="length")))),
          Expected(None, finish="length"), Expected(None, finish="length")),
    *[error_in_200(*row) for row in ERRORS_IN_200],
]  # fmt: skip

# -- usage --------------------------------------------------------------------------------------

NO_COUNTS: Final[dict[str, Any]] = {
    "negative": {"prompt_tokens": -1000, "completion_tokens": -5, "total_tokens": -1005},
    "huge": {"prompt_tokens": 9 * 10**8, "completion_tokens": 9 * 10**8},
    "texts": {"prompt_tokens": "many", "completion_tokens": "4"},
    "null": {"prompt_tokens": None, "completion_tokens": None},
    "zero": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    "booleans": {"prompt_tokens": True, "completion_tokens": True},
    "nested": {"prompt_tokens": {"a": 1}, "completion_tokens": [4]},
}


def uncounted(name: str, usage: Any) -> Fault:
    say = Say(TEXT, usage=usage)
    play = either(answers(lambda d: plain(d, say)), streams(lambda d: good(d, say)))
    return Fault(f"usage {name}", play, GUESSED, GUESSED, CHAT)


# -- streams ------------------------------------------------------------------------------------


def of_stream(name: str, make: Callable[[Dialect], Iterable[bytes]], expected: Expected,
              dialects: frozenset[str] = SSE, **more: Any) -> Fault:  # fmt: skip
    return Fault(name, streams(make, **more), None, expected, dialects)


def lines(end: bytes) -> Callable[[Dialect], list[bytes]]:
    return lambda d: [frame.replace(b"\n", end) for frame in good(d)]


def bytewise(dialect: Dialect) -> list[bytes]:
    data = joined(dialect)
    return [data[i : i + 7] for i in range(0, len(data), 7)]


def fine(name: str, make: Callable[[Dialect], Iterable[bytes]],
         dialects: frozenset[str] = SSE, **more: Any) -> Fault:  # fmt: skip
    return of_stream(name, make, ANSWERED, dialects, **more)


def delta(dialect: Dialect, content: dict[str, Any], finish: str | None = None,
          index: int = 0) -> bytes:  # fmt: skip
    choice = {"index": index, "delta": content, "finish_reason": finish}
    return dialect.frame({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                          "choices": [choice]})  # fmt: skip


def after_text(*data: bytes, words: int = 2) -> Callable[[Dialect], list[bytes]]:
    return lambda d: [*d.begun(words), *data]


BROKE: Final = failed("malformed", began=True)
MORE: Final = b": " + b"x" * 1_000_000 + b"\n\n"
STREAMS: Final = [
    fine("lines end with CRLF", lines(b"\r\n")),
    fine("lines end with CR", lines(b"\r"), frozenset({"chat", "messages"})),
    fine("a byte order mark", lambda d: [b"\xef\xbb\xbf", *good(d)]),
    fine("comments between events", lambda d: [p for f in good(d) for p in (b": hi\n\n", f)]),
    fine("a comment of 1 MB", lambda d: [MORE, *good(d)]),
    fine("seven bytes at a time", bytewise, EVERY),
    fine("all at once", lambda d: [joined(d)], EVERY),
    fine("retry and id lines", lambda d: [b"retry: 3000\nid: 1\n" + f if f.startswith(b"data: {")
                                          else f for f in good(d)]),
    fine("reset after the end", good, EVERY, end="reset", last=b""),
    fine("no end of the connection's body", good, EVERY, last=b""),
    fine("no [DONE]", lambda d: d.frames(Say(TEXT)), CHAT),
    fine("usage only at the end and silence", good, CHAT, last=b"", end="silence"),
    of_stream("an event of 1 MB", lambda d: [*d.begun(), b"data: {" + b"x" * 1_000_000 + b"\n\n"],
              BROKE),
    of_stream("[DONE] early", lambda d: [*d.begun(), d.end, *d.frames(Say(TEXT))[3:]],
              failed(LOST, began=True), CHAT),
    of_stream("end of file after some text", lambda d: d.begun(), failed(LOST, began=True), EVERY),
    of_stream("invalid UTF-8 in an event", after_text(b'data: {"a": "\xff\xfe"\n\n'), BROKE),
    of_stream("two documents in one event", lambda d: [
        *d.begun(), b'data: {"choices": []}{"choices": []}\n\n', d.end], BROKE, CHAT),
    of_stream("an event that is a number", after_text(b"data: 42\n\n"), BROKE),
    of_stream("a page after some text", after_text(b"<html>bye</html>"),
              failed(LOST, began=True)),
    of_stream("a page as data", after_text(b"data: <html>bye</html>\n\n"), BROKE),
    Fault("a bad chunk after some text", lambda d, _: Play(
              (head(200, d.stream_type, "transfer-encoding: chunked"),
               *map(chunk, d.begun()), 0.2, b"zz\r\n"), "silence"),
          None, BROKE, EVERY),
    of_stream("choices that are null, and no end", lambda d: [
        d.frame({"id": "c", "choices": None}), d.end], failed("malformed"), CHAT),
    of_stream("a delta that is null", lambda d: [
        delta(d, {"content": TEXT}), d.frame({"id": "c", "choices": [
            {"index": 0, "delta": None, "finish_reason": "stop"}]}), d.end], GUESSED, CHAT),
    of_stream("tool calls under one index", lambda d: [
        delta(d, {"tool_calls": [{"index": 0, **CALL}]}),
        delta(d, {"tool_calls": [{"index": 0, **CALL, "id": "c2"}]}),
        delta(d, {}, "tool_calls"), d.end], Expected(None, billed="estimated",
                                                     finish="tool_calls"), CHAT),
    of_stream("a tool call that is cut", lambda d: [
        delta(d, {"tool_calls": [{"index": 0, **CALL, "function": {
            "name": "f", "arguments": '{"a": '}}]}), d.end],
        failed(LOST, began=True, hits=1), CHAT),
    of_stream("two finish reasons", lambda d: [
        delta(d, {"content": TEXT}), delta(d, {}, "stop"), delta(d, {}, "stop"), d.end],
        GUESSED, CHAT),
    of_stream("an error after the text, with a finish reason", lambda d: [
        *d.begun(), d.frame({"id": "c", "error": {"code": 502, "message": "gone"}, "choices": [
            {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]}), d.end],
        failed("server_error", began=True), CHAT),
    of_stream("an error event without a code", lambda d: [
        *d.begun(), b"event: error\n" + d.frame({"error": {"message": "gone"}})], BROKE, CHAT),
    of_stream("a line that is cut", lambda _: [
        dumped({"model": "m", "message": {"role": "assistant", "content": "one "}, "done": False}),
        b"\n", b'{"model": "m", "mess'], failed(LOST, began=True), frozenset({"ollama"})),
    of_stream("a line that is no JSON", lambda d: [*d.begun(), b"oops\n", *d.frames(Say(TEXT))[2:]],
              BROKE, frozenset({"ollama"})),
]  # fmt: skip

FAULTS: Final[dict[str, Fault]] = {
    fault.name: fault
    for fault in (
        *map(of_contract, CONTRACT),
        *(both(f"{code}", status(code, body=b"" if code == 304 else None), kind)
          for code, kind in STATUSES.items()),
        *(coded(*row) for row in CODES),
        *(both(f"{code} with a page", status(code, body=PAGE, kind="text/html"), kind, scope=scope)
          for code, kind, scope in PAGES),
        *(waiting(*row) for row in WAITS.items()),
        *CONNECTIONS, *REVEALING, *HANGS, *BODIES,
        *(uncounted(*row) for row in NO_COUNTS.items()),
        *STREAMS,
    )
}  # fmt: skip
"""Each row by its name."""
