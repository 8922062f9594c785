"""Request bodies that wait for the server's windows. Source: RFC 9113, sections 5.2 and 6.9.

Most bodies fit at once and never stand here.
"""

from dataclasses import dataclass

from apps.gateways.lean.frames import DATA, DEFAULT_WINDOW, END_STREAM, LARGEST_WINDOW, BrokenRule, Code, frame
from apps.gateways.lean.peer import Allowance


@dataclass(slots=True)
class _Upload:
    """window: may become negative when the server takes back what it allowed."""

    rest: memoryview
    window: int


class Uploads:
    """The bodies of one connection. window: of the connection."""

    def __init__(self, allowance: Allowance) -> None:
        self.window = DEFAULT_WINDOW
        self._allowance = allowance
        self._waiting: dict[int, _Upload] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def fits(self, length: int) -> bool:
        """Whether a body can go out whole, in one frame."""
        allowed = self._allowance
        return length <= self.window and length <= allowed.window and length <= allowed.frame_bytes

    def start(self, stream: int, body: bytes) -> list[bytes]:
        """The frames that can leave now."""
        self._waiting[stream] = _Upload(memoryview(body), self._allowance.window)
        return self.go_on()

    def drop(self, stream: int) -> bool:
        """Whether a part of the body had not left yet."""
        return self._waiting.pop(stream, None) is not None

    def widen(self, stream: int, increment: int) -> None:
        """Raises BrokenRule. A window of a stream whose body has left does not matter."""
        if stream == 0:
            self.window = _add(self.window, increment)
        elif (upload := self._waiting.get(stream)) is not None:
            upload.window = _add(upload.window, increment)

    def shift(self, difference: int) -> None:
        """The server changed INITIAL_WINDOW_SIZE. Raises BrokenRule."""
        for upload in self._waiting.values():
            upload.window = _add(upload.window, difference)

    def go_on(self) -> list[bytes]:
        """The frames that can leave now, oldest stream first."""
        frames: list[bytes] = []
        for stream, upload in list(self._waiting.items()):
            while True:
                size = min(self.window, upload.window, self._allowance.frame_bytes, len(upload.rest))
                if size <= 0 and upload.rest:
                    break
                part, upload.rest = bytes(upload.rest[:size]), upload.rest[size:]
                self.window -= size
                upload.window -= size
                frames.append(frame(DATA, 0 if upload.rest else END_STREAM, stream, part))
                if not upload.rest:
                    del self._waiting[stream]
                    break
        return frames


def _add(window: int, increment: int) -> int:
    if window + increment > LARGEST_WINDOW:
        raise BrokenRule(Code.FLOW_CONTROL_ERROR, "a window beyond 2^31-1")
    return window + increment
