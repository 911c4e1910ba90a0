"""The types of content that a request can have, and the abilities that they need."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NEED_OF_PART: Final[Mapping[str, str]] = MappingProxyType(
    {
        "image_url": "vision", "input_image": "vision", "image": "vision",
        "input_audio": "audio", "audio_url": "audio",
        "video_url": "video", "input_video": "video", "video": "video",
        "file": "pdf", "input_file": "pdf", "document": "pdf",
        "computer_screenshot": "vision",
    }
)  # fmt: skip


TEXT_PARTS: Final = frozenset(
    {
        "text", "input_text", "output_text", "summary_text", "reasoning_text", "refusal",
        "thinking", "redacted_thinking", "tool_use", "tool_result", "tool_reference",
        "search_result", "server_tool_use", "web_search_tool_result", "web_fetch_tool_result",
        "code_execution_tool_result", "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result", "tool_search_tool_result", "mcp_tool_use",
        "mcp_tool_result", "compaction",
    }
)  # fmt: skip
"""Types of message parts, of chat completions, messages and responses, that are text."""


PARTS: Final = TEXT_PARTS | NEED_OF_PART.keys()
"""All known types of message parts. Which ability any other type needs is unknown."""


ITEMS: Final = frozenset(
    {
        "message", "reasoning", "compaction", "item_reference",
        "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output",
        "computer_call", "computer_call_output", "local_shell_call", "local_shell_call_output",
        "shell_call", "shell_call_output", "apply_patch_call", "apply_patch_call_output",
        "web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call",
        "tool_search_call", "tool_search_output",
        "mcp_call", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response",
    }
)  # fmt: skip
"""All known types of items in the `input` of OpenAI's responses."""


NEED_OF_MODALITY: Final[Mapping[str, str | None]] = MappingProxyType(
    {"text": None, "image": "image_output", "audio": "audio_output"}
)


MODALITIES: Final = frozenset(NEED_OF_MODALITY)
"""What a request can ask an answer to consist of."""
