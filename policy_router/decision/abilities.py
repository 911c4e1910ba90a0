"""The abilities that a request may need and a model may have."""

from __future__ import annotations

from typing import Final

HOSTED_TOOLS: Final = "hosted_tools"
"""Tools that run at the provider: web search, code execution, MCP servers, computer use."""
REASONING: Final = "reasoning"
"""Thinking before the answer, which counts as output."""
EMBEDDINGS: Final = "embeddings"
"""Vectors in place of an answer."""
NO_CHAT: Final = "only "
"""What stands before the mode of a model that LiteLLM's table lists for something other than chat:
`only rerank`. No request needs such an ability, and no policy can declare it."""
ABILITIES: Final = (
    "tools", "json", "vision", "audio", "video", "pdf", REASONING, "image_output",
    "audio_output", EMBEDDINGS, HOSTED_TOOLS,
)  # fmt: skip
"""The built-in ones; a policy may declare others. vision, audio, video and pdf are inputs;
image_output and audio_output are outputs."""
