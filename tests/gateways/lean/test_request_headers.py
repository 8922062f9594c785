"""Our header blocks, read by hpack."""

import random

import hpack
import pytest

from apps.gateways.lean.request_headers import TABLE_BYTES, RequestHeaders
from apps.gateways.wire import Post

ORIGIN = "https://gateway.test:443"
START = [(":method", "POST"), (":scheme", "https"), (":authority", "gateway.test")]


def expected(post: Post) -> list[tuple[str, str]]:
    lines = [line.partition(": ") for line in post.headers]
    fields = [(name.lower(), value) for name, _, value in lines]
    length = ("content-length", str(len(post.body)))
    return [*START, (":path", post.url.removeprefix(ORIGIN)), *fields, ("user-agent", "Heliograph"), length]


def test_a_repeated_line_costs_a_byte() -> None:
    headers, decoder = RequestHeaders(ORIGIN), hpack.Decoder()
    post = Post(f"{ORIGIN}/send", ["Authorization: Bearer " + "t" * 1000, "Content-Type: x/y"], b"body")
    blocks = [headers.block(post) for _ in range(3)]
    assert [decoder.decode(block) for block in blocks] == [expected(post)] * 3
    assert len(blocks[0]) > 1000
    assert len(blocks[1]) == len(blocks[2]) < 25


def test_a_list_of_its_own_for_every_message_costs_no_more() -> None:
    headers, decoder = RequestHeaders(ORIGIN), hpack.Decoder()
    sizes = []
    for number in range(5):
        lines = ["authorization: bearer " + "t" * 200, "apns-topic: app", f"apns-id: {number}"]
        post = Post(f"{ORIGIN}/3/device/{number}", lines, b"")
        block = headers.block(post)
        assert decoder.decode(block) == expected(post)
        sizes.append(len(block))
    assert max(sizes[1:]) < 60


@pytest.mark.parametrize("seed", range(20))
def test_tokens_change_tables_fill_up_and_sizes_change(seed: int) -> None:
    chance = random.Random(seed)
    headers, decoder = RequestHeaders(ORIGIN), hpack.Decoder()
    shared: list[str] = []
    for number in range(300):
        if number % 7 == 0:
            shared = [f"Authorization: {number}" + "t" * chance.choice([10, 1000, 3000, 5000]), f"Urgency: {number}"]
        if chance.random() < 0.05:
            size = chance.choice([0, 100, 2000, 4096, 65_536])
            decoder.max_allowed_table_size = max(size, 0)
            headers.resize(size)
        own = [] if chance.random() < 0.5 else [f"ttl: {number}", "content-type: text/plain"]
        post = Post(f"{ORIGIN}/{number % 3}", [*shared, *own] if own else shared, b"x" * number)
        assert decoder.decode(headers.block(post)) == expected(post)
        assert decoder.header_table_size <= TABLE_BYTES


def test_a_refused_line_leaves_the_table_as_it_was() -> None:
    headers, decoder = RequestHeaders(ORIGIN), hpack.Decoder()
    good = Post(f"{ORIGIN}/a", ["Authorization: one"], b"")
    with pytest.raises(ValueError, match="cannot carry"):
        headers.block(Post(f"{ORIGIN}/a", ["Authorization: two", "bad\r\nline: x"], b""))
    assert [decoder.decode(headers.block(good)) for _ in range(2)] == [expected(good)] * 2
