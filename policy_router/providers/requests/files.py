"""Files in the messages of a chat body."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def with_file_name(file: Mapping[str, Any]) -> Mapping[str, Any]:
    """The file with a name, which OpenAI's API asks for where the data are sent.

    Args:
        file: The `file` of a part of a message.
    """
    data = file.get("file_data")
    if file.get("filename") or not isinstance(data, str):
        return file
    media_type = data.removeprefix("data:").partition(";")[0].partition(",")[0]
    return {**file, "filename": f"document{mimetypes.guess_extension(media_type) or '.pdf'}"}
