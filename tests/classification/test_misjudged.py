"""Kinds of requests that were misjudged once: a table with what they must be."""

from __future__ import annotations

import pytest

from policy_router.classification.features import read_features
from policy_router.classification.kinds import WorkKind, kind_of
from policy_router.classification.text import read_text
from tests.classification.test_complexity import scored

EASY = (
    r"What does `^\d{3}-\d{4}$` match?",
    r"What does the pattern \d+\.\d* match, and what \w+?",
    r"Why does `echo $HOME/$USER` print nothing in this shell?",
    "Write a poem about Python, the snake.",
    "Ein Gedicht über Python",
    "Compose a sonnet about JavaScript and its callbacks",
    "Show that you care about your customers: write a reply.",
    "Proof of address: which documents are accepted?",
    "如何开具收入证明？",  # noqa: RUF001  Chinese
    "Prove it",
)
PROOFS = (
    "证明根号二是无理数。",
    "证明存在无穷多个素数。",
    "Докажи, что корень из двух иррационален.",
    "Demuestra que hay infinitos números primos.",
    "Démontre que racine de deux est irrationnelle.",
    "Beweise, dass Wurzel 2 irrational ist.",
    "Derive the Black-Scholes formula for a European call.",
    "Show that the union of countably many countable sets is countable.",
    "If x squared plus three x minus four equals zero, what are the values of x?",
)
WORK_OF_PROFESSIONS = (
    "Implement a lock-free queue for several producers and consumers in C++",
    "Implement a wait-free hash map",
    "主动脉夹层的急诊处理原则是什么？",  # noqa: RUF001  Chinese
    "Kann der Vermieter bei Eigenbedarf fristlos kündigen, wenn der Mieter schwer krank ist?",
    "Un salarié peut-il contester son licenciement devant les prud'hommes ?",
    "Which amoxicillin dosage is right in paediatric otitis media?",
)
IN_PLAIN_WORDS = (
    "A 45-year-old woman has had fever, night sweats and a swollen knee for two weeks. What is it?",
    "My patient complains of chest pain that radiates to his back. What should be done first?",
    "Is it safe to combine warfarin and ibuprofen?",
    "What are the treatment options for stage III colon cancer?",
    "Draft an NDA between a startup and a freelance developer.",
    "Draft an NDA",
    "Draft a shareholders' agreement for three founders with a vesting schedule.",
    "Can a landlord in New York evict a tenant without notice?",
    "My employer dismissed me while I was on sick leave. Is the dismissal lawful?",
    "What is the statute of limitations for breach of contract in California?",
    "How should we recognise revenue under IFRS 15 for a multi-year licence?",
    "Eine Patientin klagt über plötzliche Sehstörungen und Kopfschmerzen. Was kann es sein?",
    "Entwirf eine Geheimhaltungsvereinbarung zwischen zwei Firmen.",
    "Un patient de 60 ans présente une douleur thoracique et une dyspnée. Que faire ?",
    "Redacta un contrato de arrendamiento para un local comercial.",
    "患者が胸痛を訴えています。どうしますか？",  # noqa: RUF001  Japanese
    "起草一份保密协议",
)
"""Work of professions without formulae and without terms that only the professions know."""
ONE_WORD_OF_A_PROFESSION = (
    "What does NDA stand for?",
    "The patient gardener won a prize.",
    "When does the court open?",
    "Draft a birthday greeting",
    "Write an email to my landlord",
    "My dog has a rash",
    "Sign the contract please",
)
ABOUT_A_PROFESSION = (
    "Tell me a joke about a patient and his diagnosis",
    "Write a poem about a landlord and his tenant",
    "Translate to German: the patient has a fever and a rash.",
    "Summarize: the landlord sued the tenant for damages.",
)


def kind(text: str) -> WorkKind:
    return kind_of(read_features(text)[0])


@pytest.mark.parametrize("text", EASY)
def test_what_looks_like_mathematics_or_code_and_is_neither(text: str) -> None:
    assert scored(text) < 0.35
    assert read_text(text).formulae == 0


@pytest.mark.parametrize("text", PROOFS)
def test_mathematics_in_words_and_in_other_languages_is_hard(text: str) -> None:
    assert kind(text).name == "math"
    assert scored(text) > 0.85


@pytest.mark.parametrize("text", WORK_OF_PROFESSIONS)
def test_work_of_professions_is_not_simple(text: str) -> None:
    assert scored(text) >= 0.35


@pytest.mark.parametrize("text", IN_PLAIN_WORDS)
def test_work_of_professions_in_plain_words_is_moderate_at_least(text: str) -> None:
    assert scored(text) >= 0.35


@pytest.mark.parametrize("text", [*ONE_WORD_OF_A_PROFESSION, *ABOUT_A_PROFESSION])
def test_a_word_of_a_profession_alone_does_not_make_it_hard(text: str) -> None:
    assert scored(text) < 0.35


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write a poem about Python, the snake.", "creative"),
        ("Compose a sonnet about JavaScript and its callbacks", "creative"),
        ("Audit this Flask endpoint", "security_analysis"),
        ("Audit the login page for weaknesses", "security_analysis"),
    ],
)
def test_the_kind_of_work_is_the_instruction_and_not_the_topic(text: str, expected: str) -> None:
    assert kind(text).name == expected


@pytest.mark.parametrize(
    ("text", "formulae"),
    [
        (r"Let $x$ be real, and \frac{a}{b} a fraction.", 2),
        (r"`\frac{a}{b}` and `$x$`", 0),
        (r"\alpha and \beta", 2),
        (r"\d{3}", 0),
        (r"an odd ` and \alpha", 1),
    ],
)
def test_formulae_are_not_code(text: str, formulae: int) -> None:
    assert read_text(text).formulae == formulae
