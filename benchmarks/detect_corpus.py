"""Sentences with and without sensitive text, made from a seed, in eleven languages.

Half of the sentences around the values are for development, the other half are held out. The values
are random: addresses, numbers with and without right check digits, keys, and what looks like them.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

DEVELOPMENT, HELD_OUT = 0, 1
Make = Callable[[random.Random], str]


@dataclass(frozen=True)
class Sentence:
    """A text. kinds: what it contains; like: what a text without any was made to look like."""

    text: str
    language: str
    kinds: frozenset[str]
    like: str = ""


FRAMES: Final[dict[str, tuple[list[str], list[str]]]] = {
    "en": (
        [
            "Please write to {v} before Friday.",
            "{w}: {v}",
            "Is {v} right? I am not sure.",
            "Summarise this note: she gave me {v} yesterday and left.",
        ],
        [
            "Translate this: my {w} is {v}, thanks.",
            "Got this from a customer ({v}), what now?",
            "The form says {w} {v}; please check it.",
            "Draft a polite reply.\n\n{v}\n\nBest, Ann",
        ],
    ),
    "de": (
        [
            "Bitte antworte an {v} bis Freitag.",
            "{w}: {v}",
            "Stimmt {v} so? Ich bin unsicher.",
            "Fasse zusammen: sie gab mir gestern {v} und ging.",
        ],
        [
            "Übersetze das: meine {w} ist {v}, danke.",
            "Vom Kunden kam ({v}), was nun?",
            "Im Formular steht {w} {v}; bitte prüfe es.",
            "Formuliere höflich.\n\n{v}\n\nGruß, Jörg",
        ],
    ),
    "fr": (
        [
            "Merci d'écrire à {v} avant vendredi.",
            "{w} : {v}",
            "Est-ce que {v} est juste ?",
            "Résume cette note : elle m'a donné {v} hier.",
        ],
        [
            "Traduis ceci : voici {w} {v}, merci.",
            "Reçu d'un client ({v}), que faire ?",
            "Le formulaire indique {w} {v} ; vérifie.",
            "Réponds poliment.\n\n{v}\n\nÀ bientôt",
        ],
    ),
    "es": (
        [
            "Escribe a {v} antes del viernes.",
            "{w}: {v}",
            "¿Es correcto {v}? No estoy seguro.",
            "Resume esta nota: ayer me dio {v} y se fue.",
        ],
        [
            "Traduce esto: mi {w} es {v}, gracias.",
            "Llegó de un cliente ({v}), ¿qué hago?",
            "En el formulario pone {w} {v}; revísalo.",
            "Responde con cortesía.\n\n{v}\n\nUn saludo",
        ],
    ),
    "it": (
        ["Scrivi a {v} entro venerdì.", "{w}: {v}", "È giusto {v}? Non sono sicuro."],
        ["Traduci: {w} {v}, grazie.", "Da un cliente ({v}), che faccio?", "Nota.\n\n{v}\n\nCiao"],
    ),
    "pt": (
        ["Escreva para {v} até sexta.", "{w}: {v}", "Está certo {v}? Não sei."],
        ["Traduza: {w} {v}, obrigado.", "Veio de um cliente ({v}), e agora?", "Nota.\n\n{v}\n\nOi"],
    ),
    "nl": (
        ["Schrijf naar {v} voor vrijdag.", "{w}: {v}", "Klopt {v}? Ik weet het niet."],
        ["Vertaal: {w} {v}, bedankt.", "Van een klant ({v}), wat nu?", "Notitie.\n\n{v}\n\nGroet"],
    ),
    "ru": (
        ["Напиши на {v} до пятницы.", "{w}: {v}", "Верно ли {v}? Не уверен."],  # noqa: RUF001
        ["Переведи: {w} {v}, спасибо.", "От клиента ({v}), что делать?", "Письмо\n\n{v}\n\nПока"],  # noqa: RUF001
    ),
    "zh": (
        ["请在周五之前联系{v}。", "{w}：{v}", "{v} 对吗？我不确定。"],  # noqa: RUF001
        ["翻译：我的{w}是{v}，谢谢。", "客户发来（{v}），怎么办？", "备注\n\n{v}\n\n再见"],  # noqa: RUF001
    ),
    "ja": (
        ["金曜日までに{v}へ連絡してください。", "{w}：{v}", "{v} は正しいですか。"],  # noqa: RUF001
        ["翻訳：私の{w}は{v}です。", "お客様から（{v}）来ました。", "メモ\n\n{v}\n\n以上"],  # noqa: RUF001
    ),
    "ko": (
        ["금요일까지 {v} 로 연락해 주세요.", "{w}: {v}", "{v} 맞나요?"],
        ["번역: 제 {w}는 {v} 입니다.", "고객이 보냄 ({v}), 어떻게?", "메모\n\n{v}\n\n안녕"],
    ),
}
WORDS: Final[dict[str, dict[str, str]]] = {
    "email": {
        "en": "email",
        "de": "E-Mail",
        "fr": "e-mail",
        "es": "correo",
        "zh": "邮箱",
        "ja": "メール",
        "ru": "почта",
        "ko": "이메일",
    },
    "phone": {
        "en": "phone",
        "de": "Telefonnummer",
        "fr": "téléphone",
        "es": "teléfono",
        "it": "telefono",
        "pt": "telefone",
        "nl": "telefoon",
        "zh": "电话",
        "ja": "電話",
        "ru": "телефон",
        "ko": "전화",
    },
    "card": {
        "en": "card",
        "de": "Kreditkarte",
        "fr": "carte",
        "es": "tarjeta",
        "zh": "卡号",
        "ja": "カード",
        "ru": "карта",
        "ko": "카드",
    },
    "iban": {"en": "IBAN"},
    "ip": {
        "en": "address",
        "de": "Adresse",
        "fr": "adresse",
        "es": "dirección",
        "zh": "地址",
        "ja": "アドレス",
        "ru": "адрес",
        "ko": "주소",
    },
    "secret": {
        "en": "password",
        "de": "Passwort",
        "fr": "mot de passe",
        "es": "contraseña",
        "it": "password",
        "pt": "senha",
        "nl": "wachtwoord",
        "zh": "密码",
        "ja": "パスワード",
        "ru": "пароль",
        "ko": "비밀번호",
    },
}
LENGTHS: Final = {"DE": 22, "FR": 27, "ES": 24, "GB": 22, "IT": 27, "NL": 18, "BE": 16, "CH": 21,
                  "AT": 20, "PL": 28, "PT": 25, "SE": 24, "NO": 15}  # fmt: skip
LETTERS: Final = string.ascii_letters + string.digits


def digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.digits, k=count))


def some(rng: random.Random, alphabet: str, count: int) -> str:
    return "".join(rng.choices(alphabet, k=count))


def email(rng: random.Random) -> str:
    name = rng.choice(["ada", "j.smith", "m_mueller", "li.wei+news", "o'neil", "info", "x99"])
    host = rng.choice(["example.com", "mail.example.org", "uni-koeln.de", "corp.co.uk", "qq.com"])
    address = f"{name}{rng.randrange(100)}@{host}"
    return rng.choice([address, address, address.upper(), f"<{address}>", f"mailto:{address}"])


def luhn(number: str) -> str:
    """The number with its check digit."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 - place % 2)
        total += value - 9 if value > 9 else value
    return number + str(-total % 10)


def grouped(text: str, sizes: list[int], sign: str) -> str:
    parts = []
    for size in sizes:
        parts.append(text[:size])
        text = text[size:]
    return sign.join(part for part in [*parts, text] if part)


def card_digits(rng: random.Random, *, right: bool = True) -> tuple[str, list[int]]:
    start, size, sizes = rng.choice([
        ("4", 16, [4, 4, 4]), ("51", 16, [4, 4, 4]), ("2221", 16, [4, 4, 4]), ("37", 15, [4, 6]),
        ("6011", 16, [4, 4, 4]), ("3530", 16, [4, 4, 4]), ("36", 14, [4, 6]),
        ("62", 16, [4, 4, 4]),
    ])  # fmt: skip
    number = luhn(start + digits(rng, size - len(start) - 1))
    if not right:
        number = number[:-1] + str((int(number[-1]) + rng.randrange(1, 10)) % 10)
    return number, sizes


def card(rng: random.Random, *, right: bool = True) -> str:
    number, sizes = card_digits(rng, right=right)
    shown = rng.choice([number, grouped(number, sizes, " "), grouped(number, sizes, "-")])
    return rng.choice([shown, shown, f"{shown} 0{rng.randrange(1, 10)}/2{rng.randrange(7, 9)}"])


def iban(rng: random.Random, *, right: bool = True) -> str:
    country = rng.choice(list(LENGTHS))
    rest = digits(rng, LENGTHS[country] - 4)
    if country in ("GB", "NL"):
        rest = some(rng, string.ascii_uppercase, 4) + rest[4:]
    number = int("".join(str(int(c, 36)) for c in f"{rest}{country}00"))
    check = 98 - number % 97
    if not right:
        check = (check + rng.randrange(1, 90)) % 97 or 5
    whole = f"{country}{check:02}{rest}"
    return rng.choice([whole, grouped(whole, [4] * 8, " "), grouped(whole, [4] * 8, " ")])


def ip(rng: random.Random) -> str:
    v4 = rng.choice([
        f"192.168.{rng.randrange(256)}.{rng.randrange(256)}", f"10.{rng.randrange(256)}.0.1",
        ".".join(str(rng.randrange(1, 224)) for _ in range(3)) + f".{rng.randrange(60, 255)}",
    ])  # fmt: skip
    v6 = "2001:db8:" + ":".join(f"{rng.randrange(65536):x}" for _ in range(6))
    short = rng.choice([f"fe80::{rng.randrange(1, 65536):x}", f"2a02:908::{rng.randrange(999)}"])
    return rng.choice([v4, v4, v4, f"{v4}:8080", f"http://{v4}/x", v6, short])


NATIONAL: Final[dict[str, list[str]]] = {
    "en": ["(415) 555-####", "415-555-####", "415.555.####", "020 7946 ####", "07700 900###"],
    "de": ["0171 #######", "030 / ########", "(089) 12####", "0221-98####", "01512 3456###"],
    "fr": ["06 12 ## ## ##", "01.42.##.##.##", "0612####56"],
    "es": ["612 34# ###", "91 123 ## ##", "6123####5"],
    "it": ["347 123 ####", "02 1234 ####", "34712#####"],
    "pt": ["(11) 91234-####", "(21) 3123-####", "912 34# ###"],
    "nl": ["06-1234####", "020-123####", "06 1234####"],
    "ru": ["8 (495) 123-##-##", "8 912 345-##-##", "8912345####"],
    "zh": ["138 0013 ####", "138-0013-####", "1380013####", "010-6552####"],
    "ja": ["090-1234-####", "03-1234-####", "0901234####"],
    "ko": ["010-1234-####", "02-123-####", "0101234####"],
}
CODES: Final = ["+1 415 555 ####", "+49 171 #######", "+33 6 12 ## ## ##", "+44 20 7946 ####",
                "+86 138 0013 ####", "+81-90-1234-####", "+34612#####0", "0049 30 1234####",
                "+7 (912) 345-##-##", "+91 98765 4####", "+55 (11) 91234-####"]  # fmt: skip


def filled(rng: random.Random, form: str) -> str:
    return "".join(rng.choice(string.digits) if c == "#" else c for c in form)


def key(rng: random.Random) -> str:
    alphabet = string.ascii_letters + string.digits
    return rng.choice([
        f"sk-proj-{some(rng, alphabet, 40)}", f"sk-ant-api03-{some(rng, alphabet, 40)}",
        f"sk-{some(rng, alphabet, 48)}", f"ghp_{some(rng, alphabet, 36)}",
        f"AKIA{some(rng, string.ascii_uppercase + string.digits, 16)}",
        f"xoxb-{digits(rng, 12)}-{some(rng, alphabet, 24)}", f"AIza{some(rng, alphabet, 35)}",
        f"eyJhbGciOiJIUzI1NiJ9.eyJ{some(rng, alphabet, 30)}.{some(rng, alphabet, 43)}",
        f"-----BEGIN RSA PRIVATE KEY-----\nMIIE{some(rng, alphabet, 60)}\n",
        f"Authorization: Bearer {some(rng, alphabet, 32)}",
        f"API_KEY={some(rng, alphabet, 32)}", f'"client_secret": "{some(rng, alphabet, 24)}"',
        f"postgres://app:{some(rng, alphabet, 12)}7@db.host/prod",
        f"DB_PASSWORD={password(rng)}", f"aws_secret_access_key = {some(rng, alphabet + '/+', 40)}",
    ])  # fmt: skip


def password(rng: random.Random) -> str:
    word = rng.choice(["Sommer", "hunter", "correct", "Tr0ub4dor", "letmein", "Dragon"])
    return f"{word}{rng.choice(['!', '#', '_', '-'])}{digits(rng, 4)}"


POSITIVE: Final[dict[str, Make]] = {"email": email, "card": card, "iban": iban, "ip": ip}
LOOKALIKES: Final[dict[str, list[Make]]] = {
    "email": [
        lambda r: f"git@github.com:acme/app{r.randrange(99)}.git",
        lambda r: f"logo@{r.randrange(2, 4)}x.png",
        lambda r: f"@acme/core@{r.randrange(9)}.2.0",
        lambda r: f"@user{r.randrange(999)}",
        lambda _: "@app.route('/x')",
        lambda _: "npm i react@18.2.0",
        lambda r: f"5 @ {r.randrange(9)}.50",
        lambda _: "root@localhost",
        lambda _: "a@b",
    ],
    "phone": [
        lambda r: f"2024-0{r.randrange(1, 9)}-1{r.randrange(9)}",
        lambda r: f"1{r.randrange(9)}.0{r.randrange(1, 9)}.2024 10:30",
        lambda r: f"0{r.randrange(1, 9)}/1{r.randrange(9)}/2023",
        lambda r: f"#{digits(r, 8)}",
        lambda r: f"ORD-{digits(r, 9)}",
        lambda r: f"ISBN 978-3-16-{digits(r, 6)}-0",
        lambda r: f"0-306-{digits(r, 5)}-2",
        lambda r: f"17{digits(r, 8)}",
        lambda r: f"17{digits(r, 11)}",
        lambda r: f"{r.randrange(1, 9)} 234 567",
        lambda r: f"1,{digits(r, 3)},{digits(r, 3)}",
        lambda r: f"$ {digits(r, 3)}.{digits(r, 3)}",
        lambda r: f"3.14159{digits(r, 6)}",
        lambda r: f"{digits(r, 8)}-{digits(r, 4)}-4{digits(r, 3)}-8{digits(r, 3)}-{digits(r, 12)}",
        lambda r: f"12:30:{r.randrange(10, 60)} - 14:45:00",
        lambda r: f"{digits(r, 7)} EUR",
        lambda r: f"SKU 00{digits(r, 7)}",
        lambda r: f"({r.randrange(9)}, {digits(r, 2)}, 455)",
        lambda r: f"{r.randrange(1990, 2000)}-{r.randrange(2001, 2020)}, pp. 123-145",
        lambda r: f"[1, 2, 3, 5, 8, 13, 21, {digits(r, 2)}]",
        lambda r: f"id={digits(r, 10)}",
        lambda r: f"52.5200{digits(r, 2)}, 13.4050{digits(r, 2)}",
        lambda r: f"12345-{digits(r, 4)}",
    ],
    "card": [
        lambda r: card_digits(r, right=False)[0],
        lambda r: grouped(*card_digits(r, right=False), " "),
        lambda r: luhn("9" + digits(r, 14)),
        lambda r: f"0.{card_digits(r)[0]}",
        lambda r: f"17{digits(r, 11)}",
        lambda r: digits(r, 24),
        lambda r: f"978{digits(r, 10)}",
        lambda r: some(r, "0123456789abcdef", 40),
        lambda r: f"id_{card_digits(r)[0]}",
        lambda r: " ".join(str(r.randrange(10, 99)) for _ in range(12)),
    ],
    "iban": [
        lambda r: iban(r, right=False),
        lambda r: iban(r, right=False),
        lambda r: f"DE{digits(r, 9)}",
        lambda r: f"GB{digits(r, 4)} flight to FR{digits(r, 3)}",
        lambda r: some(r, string.ascii_uppercase + string.digits, 22),
    ],
    "ip": [
        lambda r: f"version {r.randrange(9)}.{r.randrange(9)}.{r.randrange(9)}.{r.randrange(9)}",
        lambda r: f"v{r.randrange(9)}.{r.randrange(9)}.{r.randrange(99)}.{r.randrange(99)}",
        lambda r: f"{r.randrange(9)}.{r.randrange(9)}.{r.randrange(9)}.{r.randrange(9)}",
        lambda r: f"Chrome/120.0.{r.randrange(6000, 7000)}.{r.randrange(200)}",
        lambda r: f"pkg==2.{r.randrange(40)}.{r.randrange(99)}.1",
        lambda _: "127.0.0.1",
        lambda _: "255.255.255.0",
        lambda r: f"12:{r.randrange(10, 60)}:59",
        lambda r: ":".join(f"{r.randrange(256):02x}" for _ in range(6)),
        lambda _: "std::vector",
        lambda _: "Fe::Ad::new()",
        lambda r: f"300.1.2.{r.randrange(999)}",
        lambda _: "::1",
        lambda r: f"{r.randrange(9)}.{r.randrange(30)}.{r.randrange(30)}",
        lambda _: "a[::2]",
    ],
    "secret": [
        lambda _: "password: str",
        lambda _: "api_key = os.environ['API_KEY']",
        lambda _: "API_KEY=your-api-key-here",
        lambda _: "password = get_password(user)",
        lambda r: f"commit {some(r, '0123456789abcdef', 40)}",
        lambda _: "sk-learn and sk-image-tools",
        lambda r: f'"max_tokens": {r.randrange(9999)}',
        lambda _: "token = tokens[index + 1]",
        lambda r: f"sha512-{some(r, LETTERS, 60)}==",
        lambda _: "Authorization: Bearer $TOKEN",
        lambda _: "secret: <your secret>",
        lambda _: "password=********",
        lambda _: "the password is wrong",
        lambda _: "-----BEGIN PUBLIC KEY-----\nMIIB",
        lambda _: "postgres://localhost:5432/app",
        lambda _: "api_key_env: OPENAI_API_KEY",
        lambda r: some(r, "0123456789abcdef-", 36),
        lambda _: "token_type: bearer",
        lambda _: "password_hash = hash_password(password)",
        lambda _: "?key=value&sort=name",
        lambda _: "public_key: ssh-ed25519",
        lambda _: "forgot your password? reset it",
        lambda _: 'settings.SECRET_KEY = config("SECRET_KEY")',
        lambda _: "passwords must be strong",
    ],
}


def value_of(kind: str, language: str, rng: random.Random) -> str:
    if kind == "phone":
        return filled(rng, rng.choice(rng.choice([CODES, NATIONAL[language]])))
    if kind == "secret":
        word = WORDS["secret"].get(language, "password")
        named = f"{word}{'：' if language in ('zh', 'ja') else ': '}{password(rng)}"  # noqa: RUF001
        return rng.choice([key(rng), key(rng), named])
    return POSITIVE[kind](rng)


def corpus(seed: int, part: int, count: int) -> Iterator[Sentence]:
    """Sentences: for every kind and language `count` with it, and `count` that only look so.

    Args:
        seed: Seed of the values.
        part: `DEVELOPMENT` or `HELD_OUT`, which choose the sentences around the values.
        count: Sentences of each sort.
    """
    rng = random.Random(seed)
    for kind, lookalikes in LOOKALIKES.items():
        for language, parts in FRAMES.items():
            for _ in range(count):
                word = WORDS[kind].get(language, WORDS[kind]["en"])
                # A frame that names the kind would make anything look like it; a password is
                # named already.
                plain = rng.choice([f for f in parts[part] if "{w}" not in f])
                frame = plain if kind == "secret" else rng.choice(parts[part])
                value = value_of(kind, language, rng)
                text = frame.replace("{v}", value).replace("{w}", word)
                yield Sentence(text, language, frozenset({kind}))
                yield Sentence(
                    plain.replace("{v}", rng.choice(lookalikes)(rng)), language, frozenset(), kind
                )
