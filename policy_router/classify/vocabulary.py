"""The words that the built-in classification knows, each with what it speaks for and how loudly.

Set by hand, none of it fitted: `STRONG` alone decides, two of `FAIR` decide together, `WEAK` only
tips a balance. Commas part the entries; an entry of several words is a phrase. All are lower case,
and a sign that is no letter or digit stands as a space, as in the text they are looked up in.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STRONG: Final = 3.0
FAIR: Final = 1.6
WEAK: Final = 0.7

TASKS: Final[Mapping[str, Mapping[float, str]]] = MappingProxyType({
    "code_generation": {
        STRONG: """write a function, write a program, write a script, write code, write a query,
            implement a function, implement a program, implement an algorithm, sql query,
            write a method, write a class, write a regex, python function, python script,
            python code, python program, javascript function, shell script, bash script, web app,
            rest api, crud, dockerfile, leetcode, advent of code, schreibe eine funktion,
            schreibe ein programm, schreibe ein skript, escribe una función, écris une fonction""",
        FAIR: """implement, function, script, code, coding, program, python, javascript, typescript,
            java, rust, golang, kotlin, swift, php, ruby, sql, html, css, bash, powershell, regex,
            api, backend, frontend, react, django, flask, numpy, pandas, pytorch, tensorflow,
            dataframe, kubernetes, docker, terraform, ansible, async, coroutine, algorithm, linux,
            class, method, array, arrays, linked list, binary tree, hash map, unit test,
            unit tests, endpoint, compile, compiler, runtime, library, sdk, app, website, webpage,
            database, schema, query, excel, vba, arduino, unity, github, git, npm, c, cpp, csharp,
            lua, matlab, latex table, programm, funktion, código, программу, функцию""",
        WEAK: """build, create, write, generate, develop, develop a, configure, install, server,
            software, file, files, input, output, string, json, command, component, module""",
    },
    "code_refactor": {
        STRONG: """refactor, refactoring, debug, traceback, stack trace, stacktrace, code review,
            fix this code, fix the code, fix the following code, fix my code, review this code,
            improve this code, change the code, modify the code, optimize this code,
            optimize the code, optimize the following, what is wrong with this code,
            typeerror, valueerror, nullpointerexception, syntaxerror, segfault, keyerror,
            indexerror, attributeerror, refactorisieren, refactorización, рефакторинг""",
        FAIR: """bug, bugs, fix, bugfix, linter, lint, deprecated, migrate, rename, exception,
            does not compile, doesn t compile, doesn t work, does not work, not working,
            undefined, error, errors, fehler, behebe, clean up, regression, undefined behavior""",
        WEAK: "optimize, improve, rewrite, update, change, modify, convert, add, replace, crash",
    },
    "reasoning": {
        STRONG: """riddle, puzzle, brain teaser, logic puzzle, premises, syllogism, deduce,
            what is the output, what will be the output, what does this print,
            what does the code print, complete the assertion, predict the output, knights and knaves,
            think step by step, reason step by step, step by step reasoning, entailment, rätsel""",
        FAIR: """step by step, logically, infer, inference, premise, conclusion, implies, therefore,
            valid argument, fallacy, contradiction, assertion, executing, explain your reasoning,
            explain your answer, justify your answer, reason, reasoning, deduction, hypothesis,
            father of, brother, sister, sits, seated, taller than, older than, left of, right of,
            facing, overtaken, liar, truth, counterfactual, plan a schedule""",
        WEAK: "if, then, suppose, assume, who, which, must, cannot, every, none, either, imagine",
    },
    "math": {
        STRONG: """frac, sqrt, cdot, mathbb, leq, geq, binom, infty, equation, equations, integral,
            derivative, polynomial, theorem, trigonometry, calculus, algebra, eigenvalue,
            eigenvalues, probability that, what is the probability, find the value of, solve for,
            how much money, how many more, what is the remainder, arithmetic, prove that,
            greatest common divisor, prime numbers, prime number, quadratic, logarithm, cosine,
            gleichung, berechne, wahrscheinlichkeit, ecuación, équation, уравнение""",
        FAIR: """calculate, compute, solve, probability, integer, integers, triangle, circle, radius,
            angle, angles, perimeter, area, volume, sum, product, remainder, divisible, modulo,
            fraction, percent, percentage, average, median, mean, how many, how much, total, twice,
            half as many, times as many, ratio, interest, prime, primes, digits, matrix, matrices,
            vector, vectors, function f, f x, sin, cos, tan, log, parabola, coordinates, geometry,
            rectangle, square root, permutations, combinations, inequality, positive integers,
            real numbers, prove, proof, lemma, maximum value, minimum value, evaluate, cost,
            wie viele, wie viel, cuántos, cuántas, combien, rechnung, сколько, mathematics""",
        WEAK: """find, value, number, numbers, each, per, hours, minutes, miles, dollars, price,
            equal, equals, more than, less than, times, half, remaining, left, simplify, set, day,
            week, let, denote, where, such that""",
    },
    "analysis": {
        STRONG: """pros and cons, compare and contrast, swot, root cause, trade offs,
            advantages and disadvantages, cost benefit, critical analysis, literature review,
            business plan, case study, strengths and weaknesses""",
        FAIR: """analyze, analyse, analysis, analyzing, compare, contrast, evaluate, assess,
            discuss, examine, critique, implications, impact, significance, trade off, tradeoffs,
            differences between, difference between, relationship between, explain the, explain how,
            explain why, describe how, describe the, best practices, insights, consider, strategy,
            outline, what are the, how do, how does, why do, why does, why is, should i, recommend,
            analysiere, vergleiche, bewerte, erkläre, analiza, compara, analyser, comparez, объясни""",
        WEAK: """explain, describe, why, effect, effects, factors, causes, role, influence, theory,
            principles, process, concept, key, advantages, benefits, risks, economic, political,
            history, policy, society, research, data, design, report, example, examples""",
    },
    "security_analysis": {
        STRONG: """vulnerability, vulnerabilities, threat model, threat modeling, exploit, cve,
            owasp, sql injection, cross site scripting, xss, csrf, penetration test, pentest,
            zero trust, privilege escalation, buffer overflow, malware, ransomware,
            security review, security audit, attack surface, reverse engineer, sicherheitslücke,
            schwachstelle, vulnerabilidad, vulnérabilité, уязвимость""",
        FAIR: """security, attacker, attack, phishing, firewall, encryption, authentication,
            authorization, secrets, hardening, intrusion, forensic, injection, sandbox, hacker""",
        WEAK: "token, password, credentials, tls, certificate, threat, risk, breach",
    },
    "classification": {
        STRONG: """classify, categorize, categorise, classification, sentiment, label each,
            spam or not, positive or negative, klassifiziere, clasifica, classifie, классифицируй,
            which category, assign each, rate the following, on a scale of, determine whether,
            determine if the""",
        FAIR: """label, labels, category, categories, positive negative, yes or no, true or false,
            true false, toxic, spam, offensive, intent, topic, genre, tag, tags, answer with,
            reasonable or unreasonable, acceptable, grammatical, sarcastic, in this task""",
        WEAK: "positive, negative, neutral, determine, choose, type, kind, rating, review, whether",
    },
    "extraction": {
        STRONG: """extract, named entities, fill in the form, extrahiere, extrae, extrais, извлеки,
            list all the, find all mentions, key value pairs, information extraction""",
        FAIR: """entities, as json, in json, json format, json object, csv, parse, identify the,
            given the following, from the text, from the following, passage below, mentioned,
            paragraph below, based on the passage, according to the passage, count how many times,
            list the, table, invoice, dates, names, fields, addresses, phone numbers""",
        WEAK: "identify, list, field, record, records, document, text, following, retrieve, given",
    },
    "summarization": {
        STRONG: """summarize, summarise, summary, tl dr, tldr, key points, main points, key takeaways,
            zusammenfassen, zusammenfassung, fasse zusammen, resume, resumen, résumé, résume,
            resumir, riassumi, кратко, суммируй""",
        FAIR: "condense, shorten, recap, synopsis, abstract, digest, bullet points, in one sentence",
        WEAK: "brief, briefly, short, concise, article, overview, main",
    },
    "translation": {
        STRONG: """translate, translation, translator, übersetze, übersetzen, übersetzung, traduce,
            traducir, traduis, traduire, traduci, переведи, перевод, ترجم, çevir, vertaal,
            przetłumacz""",
        FAIR: """into english, to english, into german, to german, into french, to french,
            into spanish, to spanish, into chinese, to chinese, into japanese, to japanese,
            into italian, into portuguese, into russian, into arabic, into korean, ins deutsche,
            ins englische, auf deutsch, auf englisch, al español, al inglés, en anglais,
            en français, на английский, на русский""",
        WEAK: "english, german, french, spanish, chinese, japanese, sentence, language",
    },
    "completion": {
        STRONG: """fill in the blank, fill in the blanks, complete the sentence, continue the text,
            complete the following, finish the sentence, continue this story, next sentence,
            autocomplete, vervollständige, completa la frase, complète, дополни""",
        FAIR: """continue, complete, finish, missing word, blank, ends in, comes next, next word,
            most likely ending, ending, setze fort""",
        WEAK: "next, rest, remaining, starting with, begin",
    },
    "creative": {
        STRONG: """poem, haiku, sonnet, lyrics, limerick, short story, write a story, fan fiction,
            fanfiction, screenplay, role play, roleplay, pretend to be, pretend yourself,
            pretend you are, act as, persona, write a song, fairy tale, blog post, cover letter,
            write an email, write a letter, write an essay, write an article, write a script,
            write me a, in the style of, take on the role, assume the role, embody, embrace the role,
            gedicht, geschichte, poema, cuento, poème, histoire, стихотворение, рассказ,
            сказку, you are a character, slogan, tagline, headline, product description""",
        FAIR: """story, stories, novel, fiction, character, characters, plot, dialogue, scene, verse,
            rhyme, humorous, funny, joke, jokes, witty, satire, parody, anime, song, rap, essay,
            speech, email, letter, article, advertisement, catchy, engaging, persuasive, captivating,
            vivid, brainstorm, ideas for, names for, title, titles, rewrite, paraphrase, tone,
            creative, imagine, compose, draft, chapter, episode, villain, hero, superhero, fantasy,
            linkedin, tweet, caption, storytelling, narrative, paragraphs, outfit, description of""",
        WEAK: """write, create, generate, describe, style, words, world, love, she, he, her, his,
            life, make it, suggest, name, detailed, opinion""",
    },
    "tool_use": {
        STRONG: "function call, function calls, call the tool, use the tool, tool call, invoke the",
        FAIR: "call the function, using the api, call the api, available tools, execute the command",
        WEAK: "book, schedule, search, look up, fetch, weather, order, remind, send, play, turn on",
    },
    "chat": {
        STRONG: """hello, hi, hey, thanks, thank you, good morning, good evening, how are you, bye,
            goodbye, nice to meet you, how was your, what s up, hallo, danke, guten morgen,
            wie geht, hola, gracias, bonjour, merci, salut, ciao, grazie, привет, спасибо, olá,
            مرحبا, شكرا, tell me about yourself, who are you""",
        FAIR: "ok, okay, yes, no, cool, great, lol, haha, sure, please help, weekend, nice, sorry",
        WEAK: "you, your, my, feel, friend, favorite",
    },
    "speaker_diarization": {
        STRONG: """diarization, diarize, diarisation, diarise, speaker labels, who said what,
            label the speakers, identify the speakers, speaker turns, attribute each utterance,
            sprechererkennung""",
        FAIR: "speaker 1, speaker 2, speaker a, speaker b, speakers, utterance, utterances, spk",
        WEAK: "transcript, transcription, interview, recording, dialogue, speaker, meeting",
    },
})  # fmt: skip
"""Built-in tasks and their cues."""

CONTINUOUS: Final[Mapping[str, tuple[str, float]]] = MappingProxyType({
    "翻译": ("translation", STRONG), "翻譯": ("translation", STRONG),
    "翻訳": ("translation", STRONG), "번역": ("translation", STRONG),
    "แปล": ("translation", STRONG),
    "总结": ("summarization", STRONG), "總結": ("summarization", STRONG),
    "摘要": ("summarization", STRONG), "要約": ("summarization", STRONG),
    "요약": ("summarization", STRONG),
    "提取": ("extraction", STRONG), "抽出": ("extraction", STRONG),
    "分类": ("classification", STRONG), "分類": ("classification", STRONG),
    "分析": ("analysis", FAIR), "比较": ("analysis", FAIR), "解释": ("analysis", FAIR),
    "代码": ("code_generation", STRONG), "函数": ("code_generation", FAIR),
    "編程": ("code_generation", FAIR), "编程": ("code_generation", STRONG),
    "コード": ("code_generation", STRONG), "関数": ("code_generation", FAIR),
    "重构": ("code_refactor", STRONG), "调试": ("code_refactor", STRONG),
    "计算": ("math", STRONG), "計算": ("math", STRONG), "方程": ("math", STRONG),
    "证明": ("math", STRONG), "多少": ("math", FAIR), "概率": ("math", STRONG),
    "계산": ("math", STRONG),
    "推理": ("reasoning", STRONG), "谜": ("reasoning", FAIR),
    "故事": ("creative", STRONG), "小说": ("creative", STRONG), "诗": ("creative", STRONG),
    "詩": ("creative", STRONG), "物語": ("creative", STRONG), "写一篇": ("creative", STRONG),
    "小説": ("creative", STRONG), "剧情": ("creative", FAIR),
    "你好": ("chat", STRONG), "谢谢": ("chat", STRONG), "こんにちは": ("chat", STRONG),
    "안녕": ("chat", STRONG), "漏洞": ("security_analysis", STRONG),
})  # fmt: skip
"""Cues of scripts that write words without spaces: searched for as they stand."""

HARD: Final[Mapping[float, str]] = MappingProxyType({
    1.0: """prove, proof, theorem, lemma, polynomial, integral, differential, eigenvalue, derive,
        derivation, formally, rigorous, np hard, time complexity, big o, concurrency, deadlock,
        distributed, consensus, cryptography, zero knowledge, compiler, kernel, frac, sqrt, cdot,
        mathbb, binom, assertion, executing, counterexample, induction, optimal, trade off,
        trade offs, tradeoffs, beweise, beweis, optimiere, demuestra, démontrer, докажи""",
    0.6: """analyze, analyse, architecture, optimize, optimise, algorithm, design, security,
        scalable, performance, evaluate, critically, comprehensive, multi step, step by step,
        constraints, reason, reasoning, justify, infer, deduce, simulate, model, strategy,
        diagnose, root cause, migrate, refactor, integrate, synthesize, hypothesis, quantum,
        regression, bayesian, stochastic, thermodynamics, equilibrium, jurisdiction, plaintiff,
        defendant, statute, liability, contract, easement, tort, negligence, enzyme, isotope,
        capacitor, voltage, resistor, impedance, velocity, momentum, enthalpy, entropy, viscosity,
        pressure, molecule, wavelength, probability, equation, function, vector, matrix, parallel,
        asymptotic, depreciation, elasticity, testator, appellate, felony, oscillator, torque""",
    0.3: """compare, contrast, explain, calculate, compute, solve, determine, implications, impact,
        design a, implement, complex, advanced, detailed, in depth, thorough, assume, given that,
        suppose, except, incorrect, statements, respectively, approximately, per, rate, ratio""",
})  # fmt: skip
"""Words that make a request look hard, beside those of the policy; the number is their weight."""

CONSTRAINTS: Final = frozenset("""must should only exactly without except unless least most both every
    each either neither never always avoid ensure include limit maximum minimum between not
    format sorted unique respectively muss darf nur genau ohne mindestens höchstens debe solo sin
    doit sans seulement""".split())
"""Words that bind an answer."""

LONG_OUTPUT: Final = frozenset("""essay report article story chapter comprehensive detailed thorough
    documentation guide tutorial thesis whitepaper book ausführlich bericht aufsatz ensayo""".split())
"""Words that ask for a long answer."""


def entries(text: str) -> Iterator[str]:
    """The entries of one of the lists above."""
    for entry in text.split(","):
        yield " ".join(entry.split())


def _task_cues() -> Mapping[str, tuple[tuple[str, float], ...]]:
    cues: dict[str, dict[str, float]] = {}
    for task, lists in TASKS.items():
        for weight, words in lists.items():
            for entry in entries(words):
                cues.setdefault(entry, {}).setdefault(task, weight)
    for entry, (task, weight) in CONTINUOUS.items():
        cues[entry] = {task: weight}
    return MappingProxyType({entry: tuple(of.items()) for entry, of in cues.items()})


TASK_CUES: Final = _task_cues()
"""Entry -> the tasks it speaks for, each with its weight."""

HARD_WORDS: Final[Mapping[str, float]] = MappingProxyType(
    {entry: weight for weight, words in HARD.items() for entry in entries(words)}
)


def _phrases() -> Mapping[str, Mapping[str, tuple[tuple[str, ...], ...]]]:
    found: dict[str, dict[str, list[tuple[str, ...]]]] = {}
    for entry in sorted({*TASK_CUES, *HARD_WORDS}):
        words = tuple(entry.split(" "))
        if len(words) > 1:
            found.setdefault(words[0], {}).setdefault(words[1], []).append(words)
    return MappingProxyType(
        {
            first: MappingProxyType({second: tuple(of) for second, of in rest.items()})
            for first, rest in found.items()
        }
    )


PHRASES: Final = _phrases()
"""First word -> second word -> the phrases that begin so, as words."""

SINGLE: Final = frozenset(entry for entry in (*TASK_CUES, *HARD_WORDS) if " " not in entry)
"""Entries of one word."""
KNOWN: Final = SINGLE | PHRASES.keys() | CONSTRAINTS | LONG_OUTPUT
"""Every word that is looked up."""
