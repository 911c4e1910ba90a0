"""The pages of the rules that the language itself has: what makes a file or a policy unusable.

Each is written as the lint rules' docstrings are: what it finds, why, a bad and a good snippet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILES: Final[dict[str, str]] = {
    "no-policy-files": """\
nothing to read: no such file, or a folder without policy files

A policy is one file, or a folder whose `.yaml` and `.yml` files make one policy together.
""",
    "too-many-files": """\
a folder with more policy files than one policy can need

It is most likely not the folder that was meant. Join files, or name the right folder.
""",
    "file-too-large": """\
a policy file, or all of them together, beyond the size that is read

The limits keep a wrong or hostile file from using up memory. Split the policy, or name the right
file.
""",
    "unreadable-file": """\
a file that cannot be read

It may be a folder, a dangling link, or out of reach for the user that runs this.
""",
    "unsafe-file": """\
a file that someone else could have put there

A policy decides where data goes. A file that leads out of its folder, is no regular file, or may
be written by everybody is not to be trusted. In a container the files often belong to another user:
`check --ignore unsafe-file` accepts that, or a comment anywhere in the file,
`# policy-router: ignore[unsafe-file] why`. What makes a file unusable is not accepted by either.
""",
    "unstable-files": """\
files that keep changing while they are read

Half of an old and half of a new policy would be a policy that nobody wrote. Try again when they
are written.
""",
    "manifest-mismatch": """\
files that are not the ones that the folder's manifest lists

A folder with a `MANIFEST.sha256` is used only as a whole: every policy file must be listed with its
digest, and every listed policy file must be there. So a copy that is only halfway done is not used.
After editing, run `policy-router check --write-manifest FOLDER`; when copying, copy the manifest
last.
""",
    "not-utf8": """\
a file that is not UTF-8

Read in any other way its text would be a guess. Save it as UTF-8.
""",
    "bad-character": """\
a character that cannot stand in a policy file

Control characters and unusual line ends look like nothing and change what a line means.
""",
    "internal-error": """\
a mistake in policy-router itself

Reading a policy failed in a way that it must not, whatever is in the file. The policy in use stays
in use. Please report it with the file.
""",
}

_YAML: Final[dict[str, str]] = {
    "yaml-syntax": """\
text that is not YAML

Most often a quote or bracket is not closed, a tab indents a line, or a text with `: ` in it is not
quoted.

Bad:
    prefer: [free, cheapest

Good:
    prefer: [free, cheapest]
""",
    "yaml-alias": """\
an anchor or an alias

With them a small file can stand for a huge one, and a reviewer no longer sees what applies where.

Bad:
    description: &words some words

Good:
    description: some words
""",
    "yaml-merge": """\
a merge key, `<<`

It copies fields in from elsewhere, so a reviewer no longer sees what applies.

Bad:
    fallback:
      <<: { max_attempts: 3 }

Good:
    fallback:
      max_attempts: 3
""",
    "yaml-tag": """\
a YAML tag, such as `!!str`

Tags let a file choose what its values become. Every field of a policy has one type already.

Bad:
    description: !!str some words

Good:
    description: some words
""",
    "bad-key": """\
a key that is no text, or none at all

Every key of a policy is a word.

Bad:
    fallback: { [max_attempts]: 3 }

Good:
    fallback: { max_attempts: 3 }
""",
    "several-documents": """\
more than one YAML document in a file

Only one could be the policy, and the others would be lost. Several files in a folder make one
policy together.

Bad:
    description: the first
    ---
    description: the second

Good:
    description: the first and only
""",
    "too-deep": """\
nesting deeper than a policy ever is

A policy needs six levels; the limit keeps hostile files from costing more than their size.

Bad:
    tests: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]

Good:
    tests:
      - { name: small talk, request: { tokens: 5 }, expect: { first: local } }
""",
    "too-many-nodes": """\
more values in a policy than it can need

At most 100,000 in one file and 200,000 in all files of a policy: a wrong or hostile file must not
use up memory and time. Split a long file; make several policies of more.
""",
    "too-many-entries": """\
a section with more entries than a policy can need

Models, rules, tasks and the other named parts are at most 10,000 of each kind. Make several
policies of them.
""",
    "policy-too-large": """\
rules that tell too many cases apart

For each value that a condition compares with, a table says which rules it concerns. Its size is the
number of these values times the number of rules and models; beyond 32 MiB the policy is refused.
A rule for each user or customer is best written as an attribute that they share.
""",
    "number-too-large": """\
a number with more digits than a policy can mean

It is most likely an identifier, and those are texts.

Bad:
    attributes: { account: string }
    rules:
      - { name: r, when: { account: 123456789012345678901234 }, avoid: [big] }

Good:
    attributes: { account: string }
    rules:
      - { name: r, when: { account: "123456789012345678901234" }, avoid: [big] }
""",
}

_SHAPE: Final[dict[str, str]] = {
    "unknown-field": """\
a field that does not exist, or not here

A misspelled field would be a rule that silently does nothing.

Bad:
    rules:
      - { name: r, when: { tags: private }, onyl: [local] }

Good:
    rules:
      - { name: r, when: { tags: private }, only: [local] }
""",
    "missing-field": """\
a part without a field that it needs

There is no default that would be right.

Bad:
    models:
      x: { model: openai/gpt-4o }

Good:
    models:
      x: { model: openai/gpt-4o, tier: heavy }
""",
    "wrong-type": """\
a value of another type than the field has

A number, a text, a list and a mapping are never taken for each other.

Bad:
    prefer: free

Good:
    prefer: [free]
""",
    "bad-value": """\
a value of the right type that is not allowed

It is out of range, empty, too long, or not of the form that the field asks for.

Bad:
    fallback: { max_attempts: 0 }

Good:
    fallback: { max_attempts: 1 }
""",
    "bad-unit": """\
a value whose unit is missing or is no unit of its kind

`2.50` could be dollars per token, per thousand or per million: a mistake of a million.

Bad:
    models:
      x: { model: openai/gpt-4o, tier: heavy, price: { input: 2.50, output: 10 } }

Good:
    models:
      x: { model: openai/gpt-4o, tier: heavy, price: { input: $2.50/M, output: $10/M } }
""",
    "unknown-word": """\
a word that is not one of those the field knows

Such fields hold one word of a short list.

Bad:
    prefer: [free, cheepest]

Good:
    prefer: [free, cheapest]
""",
    "bad-name": """\
a name that cannot be one

Names stand in commands, metrics and conditions, so they are made of few characters.

Bad:
    limits:
      "each user": { per: user, requests: [60/min] }

Good:
    limits:
      each-user: { per: user, requests: [60/min] }
""",
}

_NAMES: Final[dict[str, str]] = {
    "duplicate-name": """\
one name, defined twice

YAML would let the second replace the first in silence.

Bad:
    limits:
      shared: { models: [big], requests: [10/min] }
      shared: { models: [local], requests: [20/min] }

Good:
    limits:
      shared: { models: [big], requests: [10/min] }
      own: { models: [local], requests: [20/min] }
""",
    "unknown-name": """\
a name that nothing in the policy has

A rule about a model that does not exist protects nothing.

Bad:
    rules:
      - { name: r, when: { tags: vip }, first: [bgi] }

Good:
    rules:
      - { name: r, when: { tags: vip }, first: [big] }
""",
    "reserved-name": """\
a name that already means something

`free` and `paid` select models by price, and an attribute cannot be called like a built-in fact.

Bad:
    attributes: { tokens: number }

Good:
    attributes: { words: number }
""",
    "no-models": """\
a policy without models

There is nobody to answer.

Bad:
    models: {}
    tiers: [light]

Good:
    models:
      local: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k }
    tiers: [light]
""",
    "band-order": """\
bands of complexity that overlap or leave a gap

A band ends where the next begins, so they are written in ascending order from 0.

Bad:
    complexity:
      bands: { easy: { from: 0.0 }, hard: { from: 0.6 }, medium: { from: 0.3 } }

Good:
    complexity:
      bands: { easy: { from: 0.0 }, medium: { from: 0.3 }, hard: { from: 0.6 } }
""",
    "unknown-timezone": """\
a time zone that does not exist

`hour`, `weekday` and calendar windows would be those of another place.

Bad:
    timezone: Europe/Berln

Good:
    timezone: Europe/Berlin
""",
    "pythons-own-function": """\
a function of Python's standard library, or a built-in one, that a policy names

What a prompt or an answer says would be its argument: `os:system` would run it as a command. Name a
function of your own, which may call another after it has looked at what it is given.

Bad:
    tasks:
      form: { accept: { python: "os:system" } }

Good:
    tasks:
      form: { accept: { python: "my_checks:good" } }
""",
    "function-not-allowed": """\
a function that the program using the policy does not allow

A policy calls only what the program names in `Router.open(functions=...)`, or what `run` is told
with `--allow-function`: whoever may change the policy cannot run other code by it. `check` cannot
know what a program allows and names each such function in a note.
""",
    "bad-schema": """\
a JSON Schema that no answer can be checked by

It is not valid JSON Schema, its `$ref` leads nowhere (nothing is fetched), its `pattern` is not
RE2, or it has `patternProperties`, which is not read here.

Bad:
    tasks:
      form: { accept: { json_schema: { type: objekt } } }

Good:
    tasks:
      form: { accept: { json_schema: { type: object } } }
""",
    "bad-pattern": """\
a pattern that RE2 cannot read

Patterns are RE2, which matches in linear time; it has no look-around and no back-references.

Bad:
    tasks:
      code: { pattern: '(?=def)' }
      chat: {}

Good:
    tasks:
      code: { pattern: '\\bdef\\b' }
      chat: {}
""",
}

_CONDITIONS: Final[dict[str, str]] = {
    "condition-syntax": """\
a condition that cannot be read

A condition is made of facts, constants, and/or/not, comparisons, `in`, `.startswith()` and the
functions any_of, all_of and matches.

Bad:
    rules:
      - { name: r, when: "'a' in tags && tokens > 5", avoid: [big] }

Good:
    rules:
      - { name: r, when: "'a' in tags and tokens > 5", avoid: [big] }
""",
    "condition-type": """\
a fact compared with what it can never be

A number is never equal to a text, so the rule would never apply.

Bad:
    rules:
      - { name: r, when: "tokens > '5000'", avoid: [big] }

Good:
    rules:
      - { name: r, when: tokens > 5000, avoid: [big] }
""",
    "condition-too-large": """\
a condition with too many tests or levels

Nobody can review it. Several rules say the same, each with a name of its own.

Bad:
    rules:
      - { name: r, when: "not not not not not not not not not not not not not not not not not not
          not not not not not not not not not not not not not not not not not not not not not not
          not not not not not not not not not not not not stream", avoid: [big] }

Good:
    rules:
      - { name: r, when: stream, avoid: [big] }
""",
    "constant-condition": """\
a condition that looks at no fact

It is always true or always false; a rule that applies always has no `when`.

Bad:
    rules:
      - { name: r, when: 1 < 2, avoid: [big] }

Good:
    rules:
      - { name: r, when: tokens < 2, avoid: [big] }
""",
    "unknown-fact": """\
a word in a condition that is no fact about a request

Texts stand in quotes; facts of your own are declared under `attributes`.

Bad:
    rules:
      - { name: r, when: tokns > 5, avoid: [big] }

Good:
    rules:
      - { name: r, when: tokens > 5, avoid: [big] }
""",
    "unknown-value": """\
a value that the fact can never have

Tasks, bands and enumerations have the values that the policy lists, and no others.

Bad:
    attributes: { plan: [free, pro, enterprise] }
    rules:
      - { name: r, when: { plan: entreprise }, avoid: [local] }

Good:
    attributes: { plan: [free, pro, enterprise] }
    rules:
      - { name: r, when: { plan: enterprise }, avoid: [local] }
""",
    "unknown-function": """\
a function that conditions do not have

There are any_of, all_of and matches.

Bad:
    rules:
      - { name: r, when: "contains(tags, 'a')", avoid: [big] }

Good:
    rules:
      - { name: r, when: "any_of(tags, 'a', 'b')", avoid: [big] }
""",
    "assignment": """\
`=` where `==` is meant

Some engines take it for an assignment that is always true.

Bad:
    attributes: { plan: [free, pro] }
    rules:
      - { name: r, when: "plan = 'pro'", avoid: [local] }

Good:
    attributes: { plan: [free, pro] }
    rules:
      - { name: r, when: "plan == 'pro'", avoid: [local] }
""",
    "substring": """\
`in` with a text, which would look for a piece of it

`task in 'codegen'` would hold for a task called `gen`. Compare with == or with a list.

Bad:
    attributes: { plan: [free, pro] }
    rules:
      - { name: r, when: "plan in 'prosumer'", avoid: [local] }

Good:
    attributes: { plan: [free, pro] }
    rules:
      - { name: r, when: "plan in ['pro']", avoid: [local] }
""",
}

PAGES: Final[Mapping[str, str]] = {**_FILES, **_YAML, **_SHAPE, **_NAMES, **_CONDITIONS}
"""Rule -> the text of its page."""
