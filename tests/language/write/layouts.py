"""Generated policies with comments, in the layouts that people write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

TIERS = ("light", "standard", "heavy")
FIELDS: dict[str, tuple[Any, ...]] = {
    "tier": TIERS,
    "price": ("free", {"input": "$1/M", "output": "$2/M"}, {"input": "$0.25/M", "output": "$3/M"}),
    "context": ("128k", 4096, "1M"),
    "can": (["tools"], ["tools", "json"], ["vision", "tools", "json"]),
    "tags": (["local"], ["eu", "a: b"], ["it's", 'say "hi"', "#1"]),
    "quality": (0.5, 1, 0.25),
    "latency": ("2s", "300ms"),
    "max_output": ("8k", 512),
    "api_base": ("http://localhost:11434", "https://models.example/v1?a=b#c"),
    "params": ({"temperature": 0, "stop": ["END", "---"]}, {"max_tokens": "2k"}),
}
TYPED = {
    "tier": TIERS,
    "price": ("free", "{ input: $4/M, output: $5/M }", '{"input": "$4/M", "output": "$5/M"}'),
    "context": ("32k", "8192"),
    "can": ("[tools, vision]", "[json]"),
    "tags": ("[local, 'x y']", '["a: b"]', "[]"),
    "quality": ("0.75", "1"),
    "latency": ("5s",),
    "max_output": ("16k", "1024"),
    "api_base": ("http://127.0.0.1:8000/v1", "https://other.example/#x"),
    "params": ("{ temperature: 1 }",),
    "price.input": ("$7/M",),
    "params.seed": ("7",),
}
COMMENTS = ("# why", "#", "# tier: not this", "# 'half a quote", '# "', "# ümläut", "#[{")


@dataclass(frozen=True)
class Layout:
    """A policy in one or more files.

    Attributes:
        sources: The text of each file.
        data: What they say, one after the other.
    """

    sources: dict[str, str]
    data: dict[str, Any]


class _Writer:
    """Writes data as YAML, with a drawn choice wherever there is one."""

    def __init__(self, draw: DrawFn) -> None:
        self.draw = draw
        self.step = draw(st.sampled_from([1, 2, 4]))

    def one(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def comment(self) -> str:
        return self.one("", "", "  " + self.draw(st.sampled_from(COMMENTS)))

    def above(self, indent: int) -> str:
        lines = self.draw(st.sampled_from([(), (), ("",), (self.draw(st.sampled_from(COMMENTS)),)]))
        return "".join((" " * indent + line).rstrip() + "\n" for line in lines)

    def scalar(self, value: Any, *, inside: bool = False) -> str:
        if not isinstance(value, str):
            return str(value).lower()
        plain = not set(value) & set("#'\",[]{}") and ": " not in value and value != "---"
        if inside:
            plain = plain and "?" not in value
        quoted = ['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"']
        quoted.append("'" + value.replace("'", "''") + "'")
        return self.one(*([value] * 3 if plain else []), *quoted)

    def flow(self, value: Any) -> str:
        pad, comma = self.one("", " "), self.one(", ", " , ")
        if isinstance(value, dict):
            entries = [f"{key}: {self.flow(each)}" for key, each in value.items()]
            return f"{{{pad}{comma.join(entries)}{pad}}}"
        if isinstance(value, list):
            last = self.one("", "", ",") if value else ""
            return f"[{pad}{comma.join(map(self.flow, value))}{last}{pad}]"
        return self.scalar(value, inside=True)

    def field(self, key: str, value: Any, indent: int) -> str:
        """A key with its value, in lines that end."""
        blanks = " " * indent
        head = f"{self.above(indent)}{blanks}{key}:"
        if isinstance(value, dict | list) and value and self.draw(st.booleans()):
            inner = indent + self.step
            if isinstance(value, dict):
                body = "".join(self.field(k, each, inner) for k, each in value.items())
            else:
                at = self.draw(st.sampled_from([indent, inner]))
                body = "".join(
                    f"{self.above(at)}{' ' * at}- {self.flow(each)}{self.comment()}\n"
                    for each in value
                )
            return f"{head}{self.comment()}\n{body}"
        gap = self.one(" ", "  ")
        if isinstance(value, dict | list):
            return f"{head}{gap}{self.flow(value)}{self.comment()}\n"
        if isinstance(value, str) and self.draw(st.integers(0, 9)) == 0:
            return f"{head}{self.comment()}\n{blanks}  {self.scalar(value)}\n"
        return f"{head}{gap}{self.scalar(value)}{self.comment()}\n"


@st.composite
def models(draw: DrawFn) -> dict[str, Any]:
    """A model: the name of LiteLLM, its tier, and some other fields."""
    entry = {"model": draw(st.sampled_from(["openai/a", "ollama_chat/qwen2.5:7b"]))}
    names = draw(st.lists(st.sampled_from(list(FIELDS)), unique=True, max_size=5))
    for name in dict.fromkeys(["tier", *names]):
        entry[name] = draw(st.sampled_from(FIELDS[name]))
    return entry


@st.composite
def layouts(draw: DrawFn) -> Layout:
    """A policy with comments."""
    writer = _Writer(draw)
    sources, data = {}, {}
    number = 0
    for file in range(draw(st.integers(1, 3))):
        named = {}
        for _ in range(draw(st.integers(1, 3))):
            named[draw(st.sampled_from(["m", "gpt-5.", "A:", "x_"])) + str(number)] = draw(models())
            number += 1
        text = writer.above(0) + writer.field("version", 1, 0)
        if draw(st.booleans()):
            text += "models:" + writer.comment() + "\n"
            for name, entry in named.items():
                shown = writer.one(name, f'"{name}"')
                if draw(st.booleans()):
                    text += writer.field(shown, entry, writer.step)
                else:
                    text += f"{' ' * writer.step}{shown}: {writer.flow(entry)}{writer.comment()}\n"
        else:
            text += f"models: {writer.flow(named)}{writer.comment()}\n"
        if draw(st.booleans()):
            text += writer.field("prefer", ["free", "cheapest"], 0)
        if draw(st.booleans()):
            text = text.rstrip("\n")
        if draw(st.booleans()):
            text = text.replace("\n", "\r\n")
        if draw(st.integers(0, 4)) == 0:
            text = "\ufeff" + text
        sources[f"{file}.yaml"] = text
        data.update(named)
    return Layout(sources, data)
