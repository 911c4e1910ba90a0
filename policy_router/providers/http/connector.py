"""An aiohttp connector whose connections go on reading only where reading was paused.

aiohttp resumes reading after each piece of a body that is taken, whether it was paused or not: it
parses nothing, and tells the transport to read. A stream has a piece for each event, so that this
takes more time than reading the events.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

    import aiohttp


def connector_for(certificates: ssl.SSLContext) -> aiohttp.TCPConnector:
    """Return a connector of the running event loop, without a limit on connections.

    Args:
        certificates: Which certificates it trusts.
    """
    return _connector_class()(limit=0, ssl=certificates)


@cache
def _connector_class() -> type[aiohttp.TCPConnector]:
    import aiohttp  # noqa: PLC0415  only where a model is called directly
    from aiohttp.client_proto import ResponseHandler  # noqa: PLC0415  as above

    class ReadingHandler(ResponseHandler):
        def resume_reading(self, resume_parser: bool = True) -> None:
            if self._reading_paused:
                super().resume_reading(resume_parser)

    class Connector(aiohttp.TCPConnector):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self._factory: Any = partial(ReadingHandler, loop=self._loop)

    return Connector
