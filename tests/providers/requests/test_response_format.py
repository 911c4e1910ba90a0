"""Classes as `response_format`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from policy_router.base_errors import UsageError
from policy_router.providers.requests.body import Body
from policy_router.providers.requests.response_format import response_schema


class City(BaseModel):
    name: str
    default: int = 3


class Trip(BaseModel):
    cities: list[City]
    first: City
    labels: dict[str, str] = {}


@dataclass
class Plain:
    name: str


def test_a_model_becomes_a_strict_schema() -> None:
    found = response_schema(Trip)
    assert found["type"] == "json_schema"
    wanted: dict[str, Any] = found["json_schema"]
    assert (wanted["name"], wanted["strict"]) == ("Trip", True)
    schema = wanted["schema"]
    assert schema["required"] == ["cities", "first", "labels"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["first"] == {"$ref": "#/$defs/City"}
    assert schema["properties"]["labels"]["additionalProperties"] == {"type": "string"}
    city = schema["$defs"]["City"]
    assert city["required"] == ["name", "default"]  # a field of that name, not a keyword
    assert "default" not in city["properties"]["default"]


def test_other_classes_with_a_schema() -> None:
    schema = response_schema(Plain)["json_schema"]["schema"]
    assert schema["required"] == ["name"]


def test_a_class_that_no_schema_describes() -> None:
    class Odd:
        pass

    with pytest.raises(UsageError, match="`Odd` has no JSON schema"):
        response_schema(Odd)


def test_a_body_holds_the_schema() -> None:
    body = Body(messages=[{"role": "user", "content": "hi"}], response_format=City)
    assert body["response_format"] == response_schema(City)


def test_other_parameters_are_no_classes() -> None:
    with pytest.raises(UsageError, match="cannot be sent"):
        Body(messages=[{"role": "user", "content": "hi"}], stop=City)
