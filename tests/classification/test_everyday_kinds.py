"""Everyday kinds of work, asked for in several languages, and what only looks like them."""

from __future__ import annotations

import pytest

from policy_router.classification.features import read_features
from policy_router.classification.kinds import WorkKind, kind_of
from policy_router.classification.tasks import MatchedBy, Tasks
from policy_router.domain.complexity import CONFIDENT
from policy_router.domain.rules import Task

# ruff: noqa: RUF001  the full-width signs of Chinese and Japanese

REWRITING = (
    "Rewrite this paragraph so that it reads better: The shop were closed because of rain.",
    "Proofread my report, please: The figures has been checked twice.",
    "Can you rephrase this sentence? We regret to inform you that the lift is out of order.",
    "Make this sound more professional: hey, can't make it tomorrow, sorry",
    "Formuliere diesen Satz höflicher: Schick mir das bis morgen.",
    "Bitte überarbeite den folgenden Absatz, er ist zu lang.",
    "Reformule cette phrase dans un style plus soutenu : je suis pas d'accord.",
    "Reescribe este párrafo con un tono más cercano: Estimado cliente, lamentamos la espera.",
    "请润色下面这段话：我们公司成立十年了，产品很好。",
    "次の文章をもっと丁寧に書き直してください：明日は行けません。",
)
FUNCTIONAL_WRITING = (
    "Write an email to my landlord asking him to repair the heating.",
    "Draft a cover letter for a position as a nurse in Leeds.",
    "I need a resignation letter with two weeks of notice.",
    "Write an announcement for the staff: the canteen is closed on Friday.",
    "Schreibe eine E-Mail an meinen Chef: Ich bin heute krank.",
    "Verfasse ein Bewerbungsschreiben als Erzieherin.",
    "Rédige une lettre de motivation pour un stage chez un notaire.",
    "Escribe un correo a un cliente que no ha pagado la factura.",
    "帮我写一封辞职信，语气要客气。",
    "取引先への納期遅れのお詫びメールを書いてください。",
)
ADVICE = (
    "How do I get red wine out of a carpet?",
    "Should I rent or buy a flat if I may move in three years?",
    "Any tips for a first marathon in hot weather?",
    "What is the best way to store fresh basil?",
    "Wie kann ich besser einschlafen, wenn die Nachbarn laut sind?",
    "Soll ich mein altes Fahrrad verkaufen oder behalten?",
    "Comment faire pour enlever une tache d'encre sur un canapé ?",
    "¿Cómo puedo ahorrar dinero viviendo en Madrid?",
    "猫咪不肯吃东西，我应该怎么办？",
    "面接で緊張しないコツを教えてください。",
)
OPEN_QUESTION = (
    "What do you think about the four-day week?",
    "Explain why the sky is blue in the day and red in the evening.",
    "What is the difference between jam and marmalade?",
    "Why do cats purr, and why is it so soothing?",
    "Was ist der Unterschied zwischen Bienen und Wespen?",
    "Was hältst du von Elektroautos?",
    "Pourquoi le ciel est-il bleu ?",
    "¿Qué opinas de los teléfonos en la escuela?",
    "咖啡和茶有什么区别？",
    "なぜ猫は箱が好きなのですか？",
)
KINDS = {
    "rewriting": REWRITING,
    "functional_writing": FUNCTIONAL_WRITING,
    "advice": ADVICE,
    "open_question": OPEN_QUESTION,
}
ANOTHER_KIND = (
    ("Rewrite this code without the global variable:\n```python\nx = 1\n```", "code_refactor"),
    ("Summarize this email in two sentences: Dear team, the office moves in May.", "summarization"),
    ("Translate this letter into French: Dear Sir, thank you for your offer.", "translation"),
    ("Extract all email addresses from the following text as JSON.", "extraction"),
    ("Write a Python function that checks an email address.", "code_generation"),
    ("How do I sort a dict by value in Python? Write a function.", "code_generation"),
    ("Explain what is wrong with this code:\n```\nprint(x\n```", "code_refactor"),
    ("Write a poem about a letter that never arrived.", "creative"),
    ("Write a short story about a postman who gives advice.", "creative"),
    ("Classify this email as spam or not spam: You have won a prize!", "classification"),
    ("How many ways are there to seat 5 people around a table?", "math"),
    ("Compare and contrast the two business plans: pros and cons of each.", "analysis"),
    ("Übersetze diese E-Mail ins Deutsche.", "translation"),
    ("请把这封邮件翻译成英文", "translation"),
    ("Hi, thanks for your advice!", "chat"),
)
NONE_OF_THEM = (
    "What is the capital of France?",
    "Who wrote the letters to Lucilius, and when?",
    "The letter A is the first of the alphabet.",
    "When does the post office on Main Street open?",
    "Wie heißt die Hauptstadt von Peru?",
    "法国的首都是哪里？",
)


def kind(text: str) -> WorkKind:
    return kind_of(read_features(text)[0])


@pytest.mark.parametrize(
    ("expected", "text"), [(name, text) for name, texts in KINDS.items() for text in texts]
)
def test_everyday_work_is_recognized_in_several_languages(expected: str, text: str) -> None:
    told = kind(text)
    assert (told.name, told.probability >= CONFIDENT) == (expected, True)


@pytest.mark.parametrize("name", KINDS)
def test_a_task_of_that_name_is_recognised_by_it(name: str) -> None:
    tasks = Tasks((Task(name), Task("other", default=True)))
    for text in KINDS[name]:
        found = tasks.find(text, frozenset(), kind(text))
        assert (found.task, found.by) == (name, MatchedBy.BUILT_IN)
    assert tasks.find("Hello", frozenset(), kind("Hello")).task == "other"


@pytest.mark.parametrize(("text", "expected"), ANOTHER_KIND)
def test_what_only_mentions_everyday_work_is_of_another_kind(text: str, expected: str) -> None:
    assert kind(text).name == expected


@pytest.mark.parametrize("text", NONE_OF_THEM)
def test_a_question_of_fact_is_none_of_them(text: str) -> None:
    told = kind(text)
    assert told.name not in KINDS or told.probability < CONFIDENT
