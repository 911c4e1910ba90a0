"""Kinds of sensitive text that can be detected in a request."""

from __future__ import annotations

from enum import StrEnum


class Sensitive(StrEnum):
    """A kind of sensitive text, as the section `detect` and the fact `detected` name it."""

    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    IP = "ip"
    SECRET = "secret"  # noqa: S105  the name of a kind
