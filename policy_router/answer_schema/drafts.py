"""The drafts of JSON Schema that are supported: 2020-12, which is the default, and 7."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema.protocols import Validator

DEFAULT: Final = "https://json-schema.org/draft/2020-12/schema"
_DRAFT7: Final = "http://json-schema.org/draft-07/schema"


def validators() -> Mapping[str, type[Validator]]:
    """Return the validator class of each draft, by the name that `$schema` has for it."""
    from jsonschema import (  # noqa: PLC0415  75 ms that few policies pay
        Draft7Validator,
        Draft202012Validator,
    )

    return {
        DEFAULT: Draft202012Validator,
        _DRAFT7: Draft7Validator,
        f"{_DRAFT7}#": Draft7Validator,
    }
