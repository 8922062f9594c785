"""The inbox's memory: packed blocks read back, old messages make room, counts stay exact."""

from apps.sandbox.inbox import BLOCK, Filter, Inbox, contents


def fill(inbox: Inbox, count: int, start: int = 0, collapse_key: str = "") -> None:
    for number in range(start, start + count):
        inbox.add(
            gateway="fcm",
            app="shop",
            token=f"t{number % 1000}",
            notification_id=f"n{number}",
            collapse_key=collapse_key,
            payload=b'{"number":\n%d}' % number,
            headers={"x": str(number)},
            now=float(number),
        )


def test_packed_and_open_blocks_read_back_alike() -> None:
    inbox = Inbox()
    fill(inbox, BLOCK + 10)
    read = [(headers["x"], payload["number"]) for _, headers, payload in contents(inbox.find(Filter()))]
    assert read == [(str(number), number) for number in range(BLOCK + 10)]


def test_the_oldest_make_room_and_the_counts_stay() -> None:
    inbox = Inbox(kept_messages=4 * BLOCK)
    fill(inbox, 10 * BLOCK)
    kept = inbox.find(Filter())
    assert len(kept) <= 5 * BLOCK
    assert (inbox.count, inbox.distinct) == (10 * BLOCK, 10 * BLOCK)
    assert kept[-1].notification_id == f"n{10 * BLOCK - 1}"
    assert {arrival.token for arrival in kept} == {token for token, _ in inbox.recent_tokens()}


def test_tokens_are_listed_by_their_newest_message() -> None:
    inbox = Inbox()
    fill(inbox, 3)
    fill(inbox, 1)
    assert [token for token, _ in inbox.recent_tokens()] == ["t0", "t2", "t1"]
    assert [token for token, _ in inbox.tokens_like("2")] == ["t2"]


def test_one_collapse_key_keeps_tokens_apart() -> None:
    inbox = Inbox()
    fill(inbox, 2, collapse_key="same")
    fill(inbox, 1, collapse_key="same")
    assert [arrival.replaced for arrival in inbox.find(Filter())] == [True, False, False]


def test_clearing_begins_the_counts_again() -> None:
    inbox = Inbox()
    fill(inbox, 3)
    inbox.clear()
    assert (inbox.count, inbox.distinct, inbox.find(Filter())) == (0, 0, [])
