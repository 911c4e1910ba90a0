"""The words of the built-in classification, read from their data file."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.resources import files
from typing import Any

from policy_router.classification.kinds import KINDS
from policy_router.classification.vocabulary import DECISIVE, STRONG, WEAK, vocabulary


def data() -> dict[str, Any]:
    text = files("policy_router.classification").joinpath("vocabulary.toml").read_text("utf-8")
    return tomllib.loads(text)


def test_the_tasks_of_the_file_are_the_built_in_ones() -> None:
    assert vocabulary().tasks == KINDS


def test_an_entry_is_evidence_for_its_tasks() -> None:
    task_cues = vocabulary().task_cues
    assert task_cues["refactor"] == ((KINDS.index("code_refactor"), DECISIVE),)
    assert dict(task_cues["statement"]) == {KINDS.index("reasoning"): WEAK}
    assert task_cues["翻译"] == ((KINDS.index("translation"), STRONG),)


def test_no_entry_is_listed_twice() -> None:
    lists = [
        *(entries for task in data()["tasks"].values() for entries in task.values()),
        *(group["words"] for group in data()["difficulty"]),
        *data()["counted"].values(),
    ]
    for entries in lists:
        assert len(set(entries)) == len(entries)


def test_a_phrase_is_filed_under_its_longest_word_by_the_word_next_to_it() -> None:
    known = vocabulary().words["function"]
    assert known.entry
    assert known.phrases is not None
    assert ("write a function", ("write", "a", "function"), 2) in known.phrases["a"]


def test_every_entry_can_be_looked_up() -> None:
    words = vocabulary().words
    filed = {
        phrase.entry
        for known in words.values()
        for phrases in (known.phrases or {}).values()
        for phrase in phrases
    }
    for entry in {*vocabulary().task_cues, *vocabulary().hard_words}:
        assert entry in filed if " " in entry else words[entry].entry


def test_importing_the_classification_reads_no_file() -> None:
    code = (
        "import policy_router.classification.classifier\n"
        "from policy_router.classification.vocabulary import vocabulary\n"
        "assert vocabulary.cache_info().currsize == 0\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
