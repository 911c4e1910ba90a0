"""The parts of a request that the checks of its answer need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.acceptance.user_code import Functions
    from policy_router.domain.decision import Decision
    from policy_router.domain.models import Model
    from policy_router.providers.answers.chat import ChatAnswer
    from policy_router.resilience.threads import Threads


@dataclass(frozen=True, slots=True)
class CheckTools:
    """What checks run in, the same for all requests.

    Attributes:
        functions: The functions that policies may call.
        threads: Where checks run that would keep the event loop waiting.
    """

    functions: Functions
    threads: Threads


@dataclass(frozen=True, slots=True)
class JudgeReply:
    """How the call of a judge ended.

    Attributes:
        passed: The verdict; None when there is none.
        not_called: Why the judge was not called.
        failed: Why the call failed, as the class of its failure.
    """

    passed: bool | None = None
    not_called: str | None = None
    failed: str | None = None


class CheckedRequest(Protocol):
    """A request whose answer is checked; the executor implements it."""

    @property
    def decision(self) -> Decision:
        """The checks to make, and the judges that may not see the answer."""

    @property
    def tools(self) -> CheckTools:
        """What checks run in."""

    @property
    def messages(self) -> Sequence[object]:
        """The messages of the request, as mappings or objects."""

    def share(self) -> float:
        """Seconds that one check may take."""

    async def judge(
        self,
        model: Model,
        messages: Sequence[Mapping[str, str]],
        output: int,
        read: Callable[[ChatAnswer], bool | None],
    ) -> JudgeReply:
        """Calls a judge, pays for it and reports it as an event.

        Args:
            model: The judge.
            messages: What it is sent.
            output: Tokens that it may answer with.
            read: The verdict that an answer stands for.
        """
