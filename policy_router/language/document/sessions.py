"""The section `sessions`: what stays the same from one request of a session to the next."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policy_router.domain.sessions import Keep
from policy_router.language.document.types import Shape, Wait, member_of


class SessionsShape(Shape):
    """How the requests of one conversation, or of one run of an agent, are kept together."""

    keep: Annotated[Annotated[Keep, *member_of(Keep)] | None, Field(
        description="`model`: the model that answered last goes first while it may answer, has "
        "not failed and is not of too low a tier; `tier`: the models of the session's tier go "
        "first; "
        "`off`: each request is decided on its own. Default: off.",
        examples=["model"],
    )] = None  # fmt: skip
    for_: Annotated[Wait | None, Field(
        alias="for",
        description="Time for which a session is remembered after its last request. Default: 1h.",
        examples=["1h"],
    )] = None  # fmt: skip
