"""What others have written has no effect in Markdown."""

from __future__ import annotations

import pytest

from policy_router.views.markdown import markdown_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rule `nights` -> $0.01, 5 % of max_tokens", "rule `nights` -> $0.01, 5 % of max_tokens"),
        ("[click](http://evil.example)", r"\[click\](http://evil.example)"),
        ("![seen](http://evil.example/1.png)", r"!\[seen\](http://evil.example/1.png)"),
        ("<img src=x> & <b>", "&lt;img src=x> &amp; &lt;b>"),
        ("@team, # head, *bold*, ~~gone~~", r"&#64;team, \# head, \*bold\*, \~\~gone\~\~"),
        ("_so_ a_b __x__", r"\_so\_ a_b \_\_x\_\_"),
        (r"a\|b|c", r"a\\\|b\|c"),
        ("rule `a` [x](y) `b`", r"rule `a` \[x\](y) `b`"),
        ("rule `a|b`", r"rule \`a\|b\`"),
        ("one ` two", r"one \` two"),
        (
            "two\nlines \x1b[31m",
            "two\N{REPLACEMENT CHARACTER}lines \N{REPLACEMENT CHARACTER}\\[31m",
        ),
    ],
)
def test_it_stays_text(text: str, shown: str) -> None:
    assert markdown_text(text) == shown
