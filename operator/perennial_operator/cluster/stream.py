"""One open watch as complete events: a line of JSON each."""

import contextlib
import json
from collections.abc import Iterator

import urllib3

from perennial_operator.cluster import answers
from perennial_operator.cluster.port import WatchEvent
from perennial_operator.errors import Unavailable

CHUNK_BYTES = 65_536


class HttpStream:
    """Reads the lines of a response; half a line at the end is dropped, the watch goes on later."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        """Own the response."""
        self._response = response

    def __iter__(self) -> Iterator[WatchEvent]:
        """Yield events; `Expired` or `Unavailable` as the server or the network says."""
        rest = b""
        try:
            for chunk in self._response.stream(CHUNK_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (_event(line) for line in lines if line)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            message = f"the watch broke: {type(error).__name__}"
            raise Unavailable(message) from error
        finally:
            self._response.close()

    def close(self) -> None:
        """End the iteration, wherever its thread waits."""
        with contextlib.suppress(ValueError, RuntimeError, OSError):  # it has ended already
            self._response.shutdown()


def _event(line: bytes) -> WatchEvent:
    document = json.loads(line)
    if document["type"] == "ERROR":
        status = document["object"]
        answer = answers.Answer(status.get("code") or 500, status.get("message") or "")
        raise answers.error(answer)
    return WatchEvent(document["type"], document["object"])
