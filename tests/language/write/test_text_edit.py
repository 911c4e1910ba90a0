"""Edits of files as text."""

from __future__ import annotations

from policy_router.language.write.text_edit import TextEdit, apply, compatible, unified


def test_edits_that_meet_an_earlier_one_are_left_out() -> None:
    one, two, far = TextEdit("f", 0, 3, "x"), TextEdit("f", 3, 5, "y"), TextEdit("f", 7, 7, "z")
    other = TextEdit("g", 0, 3, "x")
    assert compatible([(one,), (two, far), (other,)]) == (one, other)
    assert compatible([(far,), (one, other)]) == (far, one, other)


def test_edits_are_applied_at_the_places_of_the_text_before() -> None:
    edits = (TextEdit("f", 0, 1, "long"), TextEdit("f", 2, 2, "-"))
    assert apply(edits, {"f": "abc", "g": "d"}) == {"f": "longb-c", "g": "d"}


def test_a_file_without_a_last_line_break_can_be_patched() -> None:
    diff = unified([TextEdit("f", 2, 3, "c")], {"f": "a\nb"})
    assert diff.endswith("-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n")
