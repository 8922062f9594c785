"""One post on its way: where its answer belongs, and what has come of it so far."""

from apps.gateways.contract import SendResult
from apps.gateways.faults import broken_refusal, judge_fault
from apps.gateways.lean.response_headers import HeaderLines
from apps.gateways.wire import Answer, Batch, Post


class Attempt:
    """give_up_at: when waiting for room ends; sent_at: when its HEADERS were handed to a connection (loop time).

    received: bytes of the answer's body with padding. No dataclass: one is made for every message.
    """

    __slots__ = ("batch", "block", "give_up_at", "parts", "place", "post", "received", "resends", "sent_at", "status")

    def __init__(self, batch: Batch, place: int, post: Post, give_up_at: float) -> None:
        self.batch = batch
        self.place = place
        self.post = post
        self.give_up_at = give_up_at
        self.resends = 0
        self.start_over()

    def start_over(self) -> None:
        self.sent_at = 0.0
        self.status = 0
        self.block = b""
        self.received = 0
        self.parts: list[bytes] = []

    def succeed(self) -> None:
        """The answer is complete, or longer than we read."""
        parts = self.parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        self.batch.settle(self.place, Answer(self.status, body, HeaderLines(self.block)))

    def fail(self, fault: SendResult) -> None:
        self.batch.settle(self.place, Answer(fault=fault))

    def break_off(self, curl_code: int, message: str) -> None:
        """No more will come. 2xx counts all the same; a refusal is one, but nobody knows why; else who knows."""
        if 200 <= self.status < 300:
            self.succeed()
        elif self.status >= 300:
            self.fail(broken_refusal(self.status))
        else:
            self.fail(judge_fault(curl_code, message, sent=True))
