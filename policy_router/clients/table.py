"""The known client programs, one row for each.

The rows come from recorded requests and from published source code of the programs. A program that
is not listed has the last row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Client:
    """How one program marks its requests.

    Attributes:
        name: Its name, the value of the fact `client`; empty for programs that are not listed.
        marks: Headers that only this program sends.
        agents: Beginnings of `user-agent` and `originator`, in lower case.
        tools: Tools that only this program offers together; `ENOUGH_TOOLS` of them identify it.
        session_headers: Headers with the session, the most reliable first.
        session_fields: Fields of the body with the session, as paths.
        parents: Headers that only a request of a subagent has.
        classes: Headers with the class of the request.
        compaction: Phrases, in lower case, in the last message of a request for a summary of the
            conversation, which may offer tools like any other.
        asks_last: Whether only the last text of a message is what a human typed, and those before
            it are context that the program adds.
    """

    name: str = ""
    marks: frozenset[str] = frozenset()
    agents: tuple[str, ...] = ()
    tools: frozenset[str] = frozenset()
    session_headers: tuple[str, ...] = ()
    session_fields: tuple[tuple[str, ...], ...] = ()
    parents: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    compaction: tuple[str, ...] = ()
    asks_last: bool = False


ENOUGH_TOOLS: Final = 4
"""Tools of a program that identify it."""

CLIENTS: Final = (
    Client(
        name="claude-code",
        marks=frozenset(
            {
                "x-claude-code-session-id", "x-claude-code-agent-id",
                "x-claude-code-parent-agent-id", "x-claude-code-request-class",
            }
        ),
        agents=("claude-cli/", "claude-code/"),
        tools=frozenset(
            {
                "Agent", "Task", "Bash", "Edit", "Read", "Write", "Glob", "Grep", "NotebookEdit",
                "WebFetch", "WebSearch", "TodoWrite", "Skill", "TaskCreate", "TaskUpdate",
            }
        ),
        session_headers=("x-claude-code-session-id",),
        session_fields=(("metadata", "user_id"),),
        parents=("x-claude-code-parent-agent-id",),
        classes=("x-claude-code-request-class",),
        compaction=("detailed summary of the conversation", "summary of our conversation"),
        asks_last=True,
    ),
    Client(
        name="codex",
        marks=frozenset(
            {
                "x-codex-turn-metadata", "x-codex-window-id", "x-codex-beta-features",
                "x-codex-parent-thread-id", "x-openai-subagent",
            }
        ),
        agents=("codex_", "codex-"),
        tools=frozenset(
            {
                "exec_command", "write_stdin", "request_user_input", "view_image", "apply_patch",
                "update_plan", "get_goal", "create_goal", "update_goal", "multi_agent_v1", "shell",
            }
        ),
        session_headers=("session-id", "session_id", "thread-id", "conversation_id"),
        session_fields=(("prompt_cache_key",),),
        parents=("x-codex-parent-thread-id", "x-openai-subagent"),
        classes=("x-openai-subagent",),
        compaction=("context checkpoint compaction",),
    ),
    Client(
        name="opencode",
        marks=frozenset({"x-session-affinity", "x-opencode-session", "x-opencode-client"}),
        agents=("opencode/",),
        tools=frozenset(
            {
                "bash", "edit", "glob", "grep", "read", "write", "list", "patch", "skill", "task",
                "todowrite", "todoread", "webfetch",
            }
        ),
        session_headers=("x-session-id", "x-session-affinity", "x-opencode-session"),
        session_fields=(("prompt_cache_key",), ("promptCacheKey",)),
        parents=("x-parent-session-id",),
        compaction=("continuing our conversation above", "summary of our conversation above"),
    ),
)  # fmt: skip
"""The programs that are known, in the order in which they are looked for."""

OTHERS: Final = Client(
    session_headers=(
        "x-session-id", "session-id", "x-session-affinity", "x-conversation-id", "thread-id",
        "x-openwebui-chat-id", "x-litellm-session-id",
    ),
    session_fields=(
        ("session_id",), ("conversation",), ("conversation", "id"), ("metadata", "session_id"),
        ("chat_id",), ("prompt_cache_key",),
    ),
    parents=("x-parent-session-id",),
)  # fmt: skip
"""Any other program: the names that several of them share."""

TITLES: Final = ("x-title",)
"""Headers in which a program gives its name, as it is asked to by providers."""
PRODUCTS: Final = ("user-agent", "originator")
"""Headers that begin with the name of a program."""

HOUSEKEEPING_CLASSES: Final = frozenset(
    {"auxiliary", "compaction", "compact", "title", "summary", "memory_consolidation"}
)
"""Classes of requests that a program makes for itself."""
SUBAGENT_CLASSES: Final = frozenset({"subagent", "workflow", "review", "collab_spawn"})
"""Classes of requests that an agent makes on behalf of another one."""

NAMES: Final = frozenset({*TITLES, *PRODUCTS}).union(
    *(
        client.marks.union(client.session_headers, client.parents, client.classes)
        for client in (*CLIENTS, OTHERS)
    )
)
"""The names of all headers that are read."""
