"""The words that the built-in classification knows, each with what it speaks for and how loudly.

Set by hand, none of it fitted: `DECISIVE` outweighs the rest, `STRONG` decides by itself, `FAIR`
does where nothing speaks against it, `WEAK` tips a balance. Commas part the entries; an entry of
several words is a phrase. All are lower case, and a sign that is no letter or digit stands as a
space, as in the text they are looked up in.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DECISIVE: Final = 4.5
STRONG: Final = 3.0
FAIR: Final = 1.6
WEAK: Final = 0.7


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TASKS: Final[Mapping[str, Mapping[float, str]]] = MappingProxyType({
    "code_generation": {
        STRONG: """write a function, write a program, write code, write a query, write a method,
            implement a function, implement a program, implement an algorithm, sql query, write
            a regex, python function, python script, python code, python program, javascript
            function, javascript code, shell script, bash script, web app, source code, rest
            api, crud, dockerfile, leetcode, advent of code, code that, code for, code to, html
            page, html css, unit tests for, write unit tests, in python, in javascript, in java,
            in rust, in php, in sql, in bash, in typescript, in swift, in matlab,
            pseudocode, linked list, binary search, binary tree, quicksort, big o, schreibe eine
            funktion, schreibe ein programm, schreibe ein skript, programmiere, escribe una
            función, programa en, écris une fonction, напиши код, напиши программу, viết chương
            trình""",
        FAIR: """implement, function, code, coding, program, python, javascript, typescript,
            java, golang, kotlin, php, ruby, sql, html, css, bash, powershell, regex, api,
            backend, frontend, django, flask, numpy, pandas, pytorch, torch, tensorflow,
            dataframe, kubernetes, docker, terraform, ansible, async, coroutine, algorithm,
            linux, kernel, array, arrays, hash map, unit test, unit tests, endpoint, compile,
            compiler, runtime, library, sdk, app, website, webpage, web page, browser, database,
            schema, excel, vba, arduino, unity, github, git, npm, cpp, csharp, lua, matlab,
            redis, postgres, postgresql, mysql, mongodb, aws, azure, spring, wordpress,
            selenium, json schema, def, elif, const, void, println, printf, usr, args, kwargs,
            localhost, widget, script, programm, funktion, código, программу, функцию, код""",
        WEAK: """build, create, write, generate, develop, configure, install, server, software,
            file, files, input, output, string, json, command, component, module, class, method,
            query, react, rust, go, swift, return, import, program to, window, node, plugin""",
    },
    "code_refactor": {
        DECISIVE: """refactor, refactoring, fix this code, fix the code, fix my code,
            review this code""",
        STRONG: """debug, traceback, stack trace, stacktrace, code review, fix the following
            code, improve this code, change the code, modify the code, optimize this code, this
            code, optimize the code, optimize the following, what is wrong with this code, my
            code, following code, typeerror, valueerror, nullpointerexception, syntaxerror,
            segfault, keyerror, indexerror, attributeerror, refaktoriere, refactoriza,
            рефакторинг, исправь код""",
        FAIR: """bug, bugs, fix, bugfix, linter, lint, deprecated, migrate, rename, exception,
            does not compile, doesn t compile, doesn t work, does not work, not working,
            undefined, error, errors, behebe, clean up, regression, undefined behavior""",
        WEAK: """fehler, optimize, improve, rewrite, update, change, modify, convert, add, replace,
            crash, warning""",
    },
    "reasoning": {
        DECISIVE: """what is the output, what will be the output, what does this print, what
            does the code print, what does this code print, complete the assertion, predict the
            output, output of the following""",
        STRONG: """riddle, puzzle, brain teaser, logic puzzle, premises, syllogism, deduce,
            knights and knaves, think step by step, reason step by step, step by step reasoning,
            entailment, odd one out, does not belong, be the reasons, be the reason, rätsel,
            first two statements, can be inferred, must be true, could be true, logically
            follows, heads or tails, cross the river, how many brothers, how many sisters,
            загадка""",
        FAIR: """step by step, logically, infer, inference, premise, conclusion, implies,
            therefore, valid argument, contradiction, assertion, executing, explain your
            reasoning, explain your answer, justify your answer, reason, reasoning, deduction,
            hypothesis, father of, mother of, brother, brothers, sister, sisters, sits, seated,
            taller than, older than, left of, right of, facing, overtaken, overtook, liar,
            counterfactual, direction, north, south, conclude, which of these statements, true
            false or uncertain, logic, shadow""",
        WEAK: "suppose, assume, cannot, none, either, imagine, statement, statements",
    },
    "math": {
        STRONG: """frac, sqrt, cdot, mathbb, leq, geq, binom, infty, equation, equations,
            integral, derivative, polynomial, theorem, trigonometry, calculus, eigenvalue,
            eigenvalues, probability that, what is the probability, find the value of, solve
            for, how much money, how many more, what is the remainder, arithmetic, prove that,
            prime numbers, primzahlen, beweise dass, greatest common divisor, how many ways,
            in how many ways, number of
            ways, prime number, quadratic, logarithm, cosine, gleichung, berechne,
            wahrscheinlichkeit, ecuación, calcula, équation, calcule, уравнение, вычисли,
            докажи, вероятность, phương trình, tính, oblicz, hesapla""",
        FAIR: """calculate, compute, solve, probability, integer, integers, triangle, circle,
            radius, angle, angles, perimeter, area, volume, sum, product, remainder, divisible,
            modulo, fraction, percent, percentage, average, median, mean, how many, how much,
            total, twice, half as many, times as many, ratio, interest, prime, primes, digits,
            matrix, matrices, vector, vectors, sin, cos, tan, log, parabola,
            coordinates, geometry, rectangle, square root, permutations, combinations,
            inequality, positive integers, real numbers, prove, proof, lemma, maximum value,
            minimum value, algebra, estimate, wie viele, wie viel, cuántos, cuántas, combien,
            rechnung, сколько, числа, mathematics, math, maths, arithmetic mean, dice,
            coin, formula, kg""",
        WEAK: """find, value, number, numbers, each, per, hours, minutes, miles, dollars, price,
            equal, equals, more than, less than, times, half, remaining, simplify, week, denote,
            such that, cost, evaluate""",
    },
    "analysis": {
        STRONG: """pros and cons, compare and contrast, swot, root cause, trade offs, cost
            benefit, advantages and disadvantages, critical analysis, literature review,
            business plan, case study, case studies, strengths and weaknesses, lesson plan, vor
            und nachteile""",
        FAIR: """analyze, analyse, analysis, analyzing, compare, contrast, evaluate, assess,
            discuss, examine, critique, implications, impact, impacts, significance, trade off,
            tradeoffs, differences, difference between, relationship between, explain, describe
            how, best practices, insights, strategy, outline, what are the, what are some, how
            do, how does, how did, how has, how have, how is, how can, why do, why does, why is,
            why are, why did, should i, should we, recommend, in the field of, what if,
            influence, indicators, key components, considerations, economics, philosophy,
            analysiere, vergleiche, bewerte, erkläre, analiza, compara, explica, analyser,
            comparez, explique, объясни, сравни, giải thích""",
        WEAK: """describe, why, effect, effects, factors, causes, role, theory, consider,
            processes, principles, process, concept, key, advantages, benefits, risks, economic,
            political, history, policy, society, research, data, design, report, example,
            examples, provide, methods, what is the, common, different, types of, suggest, ideas""",
    },
    "security_analysis": {
        STRONG: """vulnerability, vulnerabilities, threat model, threat modeling, exploit, cve,
            owasp, sql injection, cross site scripting, xss, csrf, penetration test, pentest,
            zero trust, privilege escalation, buffer overflow, malware, ransomware, security
            review, security audit, attack surface, reverse engineer, sicherheitslücke,
            schwachstelle, vulnerabilidad, vulnérabilité, уязвимость""",
        FAIR: """security, attacker, attack, phishing, firewall, encryption, authentication,
            authorization, hardening, intrusion, forensic, injection, sandbox, hacker""",
        WEAK: "token, password, credentials, tls, certificate, threat, risk, breach, secrets",
    },
    "classification": {
        STRONG: """classify, categorize, categorise, classification, sentiment, label each, spam
            or not, positive or negative, klassifiziere, ordne, clasifica, classifie,
            классифицируй, which category, assign each, assign them, rate the following,
            determine whether, determine if the, one of these categories, following categories""",
        FAIR: """label, labels, category, categories, positive negative, yes or no, true or
            false, true false, toxic, spam, offensive, intent, topic, genre, tag, tags, answer
            with, reasonable or unreasonable, acceptable, grammatical acceptability, sarcastic,
            on a scale of, which of the following is, which of these, tell me which""",
        WEAK: """positive, negative, neutral, determine, choose, type, kind, rating, review,
            whether""",
    },
    "extraction": {
        STRONG: """extract, named entities, fill in the form, extrahiere, extrae, extrais,
            извлеки, list all the, find all mentions, key value pairs, information extraction,
            as a json, json dictionary, return the results, json array, given this paragraph,
            given a reference text, based on the passage, according to the passage, read the
            passage, read the paragraph, given the text""",
        FAIR: """entities, as json, in json, json format, json object, csv, parse, identify the,
            from the text, from the following, passage below, mentioned, paragraph below, count
            how many times, list the, invoice, names, fields, addresses, phone numbers,
            given the following, following table, following text, given text, following passage,
            following paragraph, following information""",
        WEAK: """identify, list, field, record, records, document, following, retrieve, dates,
            format, passage, paragraph""",
    },
    "summarization": {
        DECISIVE: "summarize, summarise, tl dr, tldr",
        STRONG: """summary, key points, main points, key takeaways, zusammenfassen,
            zusammenfassung, fasse, resume este, resume esta, resume el, resume la, resume los,
            resume lo, resumen, résume, resumir, riassumi,
            суммируй, кратко, tóm tắt, streszcz, sammanfatta, özetle""",
        FAIR: "condense, shorten, recap, synopsis, digest, bullet points, in one sentence",
        WEAK: "brief, briefly, short, concise, article, overview, main, abstract",
    },
    "translation": {
        DECISIVE: "translate, übersetze, traduce, traduis, переведи, ترجم",
        STRONG: """translation, translating, übersetzen, übersetzung, traducir, traduire,
            traduci, traduza, перевод, çevir, vertaal, przetłumacz, dịch, översätt, translated
            into""",
        FAIR: """into english, to english, into german, to german, into french, to french, into
            spanish, to spanish, into chinese, to chinese, into japanese, to japanese, into
            italian, into portuguese, into russian, into arabic, into korean, ins deutsche, ins
            englische, auf deutsch, auf englisch, al español, al inglés, en anglais, en
            français, на английский, на русский, translator""",
        WEAK: "english, german, french, spanish, chinese, japanese, sentence, language",
    },
    "completion": {
        STRONG: """fill in the blank, fill in the blanks, complete the sentence, continue the
            text, complete the following, finish the sentence, next sentence, autocomplete,
            complete this, completing the sentence, vervollständige, completa la frase,
            complète, дополни, продолжи""",
        FAIR: """continue, complete, finish, missing word, blank, ends in, comes next, next
            word, most likely ending, setze fort""",
        WEAK: "next, rest, starting with, begin, ending",
    },
    "creative": {
        DECISIVE: """act as, pretend to be, pretend yourself, pretend you are, take on the role,
            assume the role, embody, embrace the role, picture yourself, roleplay, role play,
            write a story, write a short story, write a poem, write a song, write me a story,
            write a haiku, fan fiction, fanfiction, a script of, a script where, script in which""",
        STRONG: """poem, poems, haiku, sonnet, lyrics, limerick, short story, screenplay,
            persona, fairy tale, blog, blog post, cover letter, write an email, write a letter,
            an email, write an essay, write an article, write me an article, in the style of,
            slogan, tagline, headline, product description, you are a character, suppose you
            are, imagine you are, a story about, write a paragraph, descriptive paragraph, a
            scene, rhyme, fictional, gedicht, geschichte, poema, cuento, historia, diálogo,
            dialogo, poème, histoire, стихотворение, стих, стихи, рассказ, рассказать историю,
            историю, песню, сказку, басню, thơ, bài thơ, truyện, hội thoại, příběh, opowiadanie,
            wiersz, racconto, poesia, şiir, hikaye, runo, instagram, linkedin, tweet, press
            release, speech""",
        FAIR: """story, stories, novel, fiction, character, characters, plot, dialogue, scene,
            verse, humorous, funny, joke, jokes, witty, satire, parody, anime, song, rap, essay,
            email, letter, article, advertisement, catchy, engaging, persuasive, captivating,
            vivid, brainstorm, ideas for, names for, titles, rewrite, paraphrase, rephrase,
            tone, creative, compose, draft, chapter, episode, villain, hero, superhero, fantasy,
            caption, storytelling, outfit, description of, write me a, a paragraph, edit the,
            proofread, grammatical errors, you are a, you re a, now you are, poet, monologue,
            quote""",
        WEAK: """write, create, generate, style, words, world, love, life, name, make it,
            suggest, imagine, yourself, title, paragraphs, narrative, invent""",
    },
    "tool_use": {
        STRONG: """function call, function calls, call the tool, use the tool, tool call, invoke
            the""",
        FAIR: """call the function, using the api, call the api, available tools, execute the
            command""",
        WEAK: """book, schedule, search, look up, fetch, weather, order, remind, send, play,
            turn on""",
    },
    "chat": {
        STRONG: """hello, hi, hey, thanks, thank you, good morning, good evening, how are you,
            bye, goodbye, nice to meet you, how was your, what s up, hallo, danke, guten morgen,
            wie geht, hola, gracias, bonjour, merci, salut, ciao, grazie, привет, спасибо, olá,
            مرحبا, شكرا, tell me about yourself, who are you, xin chào""",
        FAIR: "ok, okay, yes, cool, great, lol, haha, sure, weekend, nice, sorry, yeah",
        WEAK: "feel, friend, favorite, myself",
    },
    "speaker_diarization": {
        DECISIVE: """diarization, diarize, diarisation, diarise, speaker labels, who said what,
            label the speakers, identify the speakers, speaker turns, attribute each utterance,
            sprechererkennung""",
        FAIR: """speaker 1, speaker 2, speaker a, speaker b, speakers, utterance, utterances,
            spk""",
        WEAK: "transcript, transcription, interview, recording, speaker, meeting",
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
    "python": ("code_generation", FAIR), "javascript": ("code_generation", FAIR),
    "sql": ("code_generation", FAIR), "算法": ("code_generation", FAIR),
    "排序": ("code_generation", FAIR), "脚本": ("code_generation", FAIR),
    "重构": ("code_refactor", STRONG), "调试": ("code_refactor", STRONG),
    "计算": ("math", STRONG), "計算": ("math", STRONG), "方程": ("math", STRONG),
    "证明": ("math", STRONG), "多少": ("math", FAIR), "概率": ("math", STRONG),
    "계산": ("math", STRONG),
    "推理": ("reasoning", STRONG), "谜": ("reasoning", FAIR),
    "故事": ("creative", STRONG), "小说": ("creative", STRONG), "写诗": ("creative", STRONG),
    "首诗": ("creative", STRONG), "首詩": ("creative", STRONG), "詩を": ("creative", STRONG),
    "物語": ("creative", STRONG), "写一篇": ("creative", STRONG),
    "小説": ("creative", STRONG), "剧情": ("creative", FAIR),
    "你好": ("chat", STRONG), "谢谢": ("chat", STRONG), "こんにちは": ("chat", STRONG),
    "안녕": ("chat", STRONG), "歌词": ("creative", STRONG), "노래": ("creative", STRONG),
    "가사": ("creative", FAIR), "이야기": ("creative", STRONG), "กลอน": ("creative", STRONG),
    "เรื่อง": ("creative", FAIR), "タイトル": ("creative", FAIR), "キャラ": ("creative", FAIR),
    "对仗": ("creative", FAIR), "角色": ("creative", FAIR), "故事情节": ("creative", FAIR),
    "数学": ("math", STRONG), "整数": ("math", STRONG), "几个": ("math", FAIR),
    "比例": ("math", FAIR), "估算": ("math", FAIR), "最大": ("math", WEAK),
    "如何": ("analysis", FAIR), "为什么": ("analysis", FAIR), "なぜ": ("analysis", FAIR),
    "漏洞": ("security_analysis", STRONG),
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

CONSTRAINTS: Final = _words("""must should only exactly without except unless
    least most both every each either neither never always avoid ensure include limit maximum
    minimum between not format sorted unique respectively muss darf nur genau ohne mindestens
    höchstens debe solo sin doit sans seulement""")
"""Words that bind an answer."""

TERMS: Final = _words(
    """integer integers polynomial polynomials triangle circle radius diameter prime primes
    divisible divisor divisors remainder modulo modular congruent lattice digit digits rhombus
    diagonal diagonals perimeter vertex vertices hypotenuse equilateral isosceles polygon hexagon
    pentagon octagon quadrilateral trapezoid parallelogram perpendicular tangent bisector chord
    ellipse parabola hyperbola asymptote matrix determinant eigenvalue vector derivative integral
    logarithm exponent coefficient coefficients quadratic cubic roots permutation permutations
    combinations distinct identical indistinguishable distinguishable factorial sequence arithmetic
    geometric convergent bijective injective subgroup isomorphic theorem lemma inequality rational
    irrational factors fraction simplify bounded infinite sphere cube cone cylinder coordinates
    coordinate slope intercept squares cubes ways probability randomly expectation maximum minimum
    maximal minimal largest smallest greatest consecutive consecutively multiple multiples parallel
    volume arrangements exactly mean median graph gleichung primzahl primzahlen dreieck entero
    enteros
    triángulo committee tournament handshake handshakes inscribed circumscribed tetrahedron pyramid
    midpoint midpoints altitude altitudes centroid arc obtuse acute imaginary inverse composite
    reciprocal quotient palindrome palindromes grid urn degrees equidistant rotated reflected
    intersect intersects intersection region shaded adjacent independent tangents circles triangles
    spheres congruence bases binary hexadecimal decimal recurring repeating irreducible monic
    nonzero nonnegative sums products cosine sine"""
)
"""Words of mathematics proper, as against sums about everyday things."""

CODE: Final = _words("""def elif assert const void println printf usr
    kwargs args func struct typedef enum bool int str len nullptr malloc async await foreach
    endif endl stdio iostream std namespace boolean varchar href div instanceof iterator init
    fn impl mut elseif strlen""")
"""Words that hardly stand outside code."""

LONG_OUTPUT: Final = _words("""essay report article story chapter comprehensive
    detailed thorough documentation guide tutorial thesis whitepaper book ausführlich bericht
    aufsatz ensayo""")
"""Words that ask for a long answer."""


def entries(text: str) -> Iterator[str]:
    """The entries of one of the lists above."""
    for entry in text.split(","):
        yield " ".join(entry.split())


# Plain dicts below: a proxy would double the price of a look-up, and there is one for every word.


def _task_cues() -> Mapping[str, tuple[tuple[int, float], ...]]:
    cues: dict[str, dict[int, float]] = {}
    for at, lists in enumerate(TASKS.values()):
        for weight, words in lists.items():
            for entry in entries(words):
                cues.setdefault(entry, {}).setdefault(at, weight)
    for entry, (task, weight) in CONTINUOUS.items():
        cues[entry] = {list(TASKS).index(task): weight}
    return {entry: tuple(of.items()) for entry, of in cues.items()}


TASK_CUES: Final = _task_cues()
"""Entry -> the tasks it speaks for, by their place in `TASKS`, each with its weight."""

HARD_WORDS: Final[Mapping[str, float]] = {
    entry: weight for weight, words in HARD.items() for entry in entries(words)
}


# Positions in a tally of the words that are only counted.
IN_CONSTRAINTS, IN_TERMS, IN_CODE, IN_LONG_OUTPUT = range(4)
_LISTS: Final = (CONSTRAINTS, TERMS, CODE, LONG_OUTPUT)


class Known(NamedTuple):
    """What a word is looked up for.

    entry: it is an entry by itself. lists: positions of those it is in. phrases: those of which it
    is the longest word, by the word before it, or by the one after it when it comes first.
    """

    entry: bool
    lists: tuple[int, ...]
    phrases: Mapping[str, tuple[KeywordPhrase, ...]] | None


class KeywordPhrase(NamedTuple):
    """An entry of several words. place: of the word that it is looked up by."""

    entry: str
    words: tuple[str, ...]
    place: int


def _known() -> Mapping[str, Known]:
    everything = {*TASK_CUES, *HARD_WORDS}
    phrases: dict[str, dict[str, tuple[KeywordPhrase, ...]]] = {}
    for entry in sorted(everything):
        words = tuple(entry.split(" "))
        if len(words) > 1:
            # The longest word is hardly ever a common one, so that phrases are seldom compared.
            place = max(range(len(words)), key=[len(word) for word in words].__getitem__)
            neighbour = words[place - 1] if place else words[1]
            own = phrases.setdefault(words[place], {})
            own[neighbour] = (*own.get(neighbour, ()), KeywordPhrase(entry, words, place))
    single = {entry for entry in everything if " " not in entry}
    return {
        word: Known(
            word in single,
            tuple(i for i, words in enumerate(_LISTS) if word in words),
            phrases.get(word),
        )
        for word in {*single, *phrases}.union(*_LISTS)
    }


KNOWN: Final = _known()
"""Every word that is looked up."""
