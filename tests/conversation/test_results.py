from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.conversation.results import is_error


@pytest.mark.parametrize(
    ("result", "content", "failed"),
    [
        ({}, "done", False),
        ({}, "", False),
        ({}, None, False),
        ({"is_error": True}, "done", True),
        ({"is_error": False}, "Error: no", False),
        ({"isError": True}, "", True),
        ({"success": False}, "", True),
        ({"success": True}, "Error", False),
        ({"is_error": "yes"}, "fine", False),
        ({"status": "failed"}, "", True),
        ({"status": "completed"}, "", False),
        ({"status": ["failed"]}, "", False),
        ({}, "Error: file not found", True),
        ({}, "  error: file not found", True),
        ({}, "<tool_use_error>no such file</tool_use_error>", True),
        ({}, "Traceback (most recent call last):", True),
        ({}, "Command failed: npm test", True),
        ({}, "Failed to open the file", True),
        ({}, "Errors are handled below.", False),
        ({}, "The command failed in 1998.", False),
        ({}, "Exit code: 1\nOutput:", True),
        ({}, "Exit code: 0\nError: none", False),
        ({}, "Wall time: 0.1 s\nProcess exited with code 127", True),
        ({}, "Process exited with code 0", False),
        ({}, "See the page about exit code 1 of grep.", False),
        ({}, '{"output": "no", "metadata": {"exit_code": 2}}', True),
        ({}, '{"output": "yes", "metadata": {"exit_code": 0}}', False),
        ({}, '{"is_error": true}', True),
        ({}, '{"success": false}', True),
        ({}, '{"error": null}', False),
        ({}, '{"error": "no such file"}', True),
        ({}, '{"error": {"code": 4}}', True),
        ({}, [{"type": "text", "text": "Error: no"}], True),
        ({}, [{"type": "image"}, "loose", {"type": "text", "text": "fine"}], False),
        ({}, [{"type": "image"}], False),
        ({}, {"text": "Error"}, False),
    ],
)
def test_whether_a_result_is_an_error(result: Any, content: Any, failed: bool) -> None:
    assert is_error(result, content) is failed


@given(st.dictionaries(st.text(), st.booleans() | st.text()), st.text())
def test_any_result_is_read(result: Any, content: str) -> None:
    assert isinstance(is_error(result, content), bool)


def test_only_the_ends_of_a_long_result_are_read() -> None:
    assert is_error({}, '{"x": "' + "y" * 10**6 + '", "exit_code": 3}')
    assert not is_error({}, "x" * 10**6 + "\nExit code 1\n" + "x" * 10**6)
