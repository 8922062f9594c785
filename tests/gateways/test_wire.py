"""The wire against real sockets: what each kind of broken connection means, and that nothing is sent twice."""

import asyncio
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from apps.gateways.contract import START_BY, RetryReason, Verdict
from apps.gateways.lean.wire import LeanWire
from apps.gateways.pump import _borrow
from apps.gateways.wire import Answer, Post, Wire, WireLimits
from tests.gateways.certificates import Authority, make_authority
from tests.gateways.conftest import QUICK, Lane, post_all, run
from tests.gateways.vendor import Act, Reply, Script, Seen, Vendor

StartVendor = Callable[..., Vendor]


def posts(vendor: Vendor, count: int = 5) -> list[Post]:
    headers = ["content-type: application/json"]
    return [Post(f"{vendor.url}/{number}", headers, b"body %d" % number) for number in range(count)]


def on_visit(visit: int, act: Act, **reply: int) -> Script:
    """Answers 200, but misbehaves when a path is asked for the `visit`-th time."""
    visits: Counter[str] = Counter()

    def script(seen: Seen) -> Reply:
        visits[seen.path] += 1
        return Reply(act=act, **reply) if visits[seen.path] == visit else Reply()  # type: ignore[arg-type]

    return script


def while_another_waits(act: Act) -> Script:
    """Misbehaves at the second visit of /1, while /0 keeps the same connection busy."""
    visits: Counter[str] = Counter()

    def script(seen: Seen) -> Reply:
        visits[seen.path] += 1
        if visits[seen.path] != 2:
            return Reply()
        return Reply(act=act) if seen.path == "/1" else Reply(after_seconds=0.3)

    return script


def faults(answers: list[Answer]) -> set[tuple[str, RetryReason | None]]:
    assert all(answer.fault for answer in answers)
    return {(answer.fault.vendor_code, answer.fault.retry_reason) for answer in answers if answer.fault}


def most_visits(vendor: Vendor) -> int:
    return max(Counter(seen.path for seen in vendor.seen).values())


def test_answers_come_in_the_order_of_the_posts(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply(body=seen.body, after_seconds=0.1 if seen.path == "/0" else 0))
    answers = post_all(lane, posts(server), ca_file=authority.ca_file)
    assert [answer.body for answer in answers] == [b"body %d" % number for number in range(5)]


def test_many_posts_share_one_connection(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply())
    post_all(lane, posts(server, 40), ca_file=authority.ca_file, rounds=3)
    assert len(server.seen) == 120
    assert server.connection_count == 1


def test_a_server_that_allows_one_stream_gets_one_at_a_time(
    lane: Lane, vendor: StartVendor, authority: Authority
) -> None:
    server = vendor(lambda seen: Reply(), max_streams=1)
    assert {answer.status for answer in post_all(lane, posts(server, 30), ca_file=authority.ca_file)} == {200}


def test_plain_http1_works_too(lane: Lane, vendor: StartVendor) -> None:
    server = vendor(lambda seen: Reply(201, b"x", {"Retry-After": "7"}), tls=False)
    answer = post_all(lane, posts(server, 1))[0]
    assert (answer.status, answer.body, answer.retry_after_seconds) == (201, b"x", 7.0)


def test_an_answer_in_pieces_is_put_together(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply(400, b'{"reason":"BadDeviceToken"}', act=Act.ANSWER_IN_PIECES))
    assert post_all(lane, posts(server, 1), ca_file=authority.ca_file)[0].body == b'{"reason":"BadDeviceToken"}'


def test_nobody_listens(lane: Lane) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{unused.getsockname()[1]}/"
    assert faults(post_all(lane, [Post(url, [], b"x")])) == {("connection_refused", RetryReason.NETWORK)}


def test_an_unknown_host_name(lane: Lane) -> None:
    assert faults(post_all(lane, [Post("https://gateway.invalid/", [], b"x")])) == {("dns", RetryReason.NETWORK)}


@pytest.mark.parametrize("url", ["https://ż.test/", "gopher://x.test/", "https://", "http://a b/"])
def test_an_address_that_is_none_is_a_mistake_in_the_settings(lane: Lane, url: str) -> None:
    answers = post_all(lane, [Post(url, [], b"x"), Post(url, ["x: y"], b"x")])
    assert {answer.fault.verdict for answer in answers if answer.fault} == {Verdict.CONFIG_BAD}
    assert len(answers) == 2


def test_a_host_that_never_accepts(lane: Lane) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        url = f"https://127.0.0.1:{full.getsockname()[1]}/"
        assert faults(post_all(lane, [Post(url, [], b"x")])) == {("connect_timeout", RetryReason.NETWORK)}


def test_a_server_that_speaks_no_tls(lane: Lane, vendor: StartVendor) -> None:
    server = vendor(lambda seen: Reply(), tls=False)
    url = server.url.replace("http:", "https:")
    assert {reason for _, reason in faults(post_all(lane, [Post(url, [], b"x")]))} == {RetryReason.NETWORK}


@pytest.mark.parametrize("kind", ["unknown authority", "wrong host", "expired"])
def test_a_certificate_that_cannot_be_trusted(lane: Lane, kind: str, tmp_path: Path, authority: Authority) -> None:
    shown = make_authority(
        tmp_path, host="elsewhere.test" if kind == "wrong host" else "localhost", days=-1 if kind == "expired" else 2
    )
    trusted = authority.ca_file if kind == "unknown authority" else shown.ca_file
    with Vendor(lambda seen: Reply(), shown.server_context) as server:
        fault = post_all(lane, posts(server, 1), ca_file=trusted)[0].fault
    assert fault is not None
    assert (fault.verdict, fault.vendor_code) == (Verdict.CONFIG_BAD, "tls_untrusted")
    assert "certificate" in fault.detail
    assert not server.seen


@pytest.mark.parametrize(
    ("act", "word"),
    [(Act.NEVER, "timeout"), (Act.RESET_STREAM, "http2"), (Act.DROP_CONNECTION, None)],
)
def test_a_request_without_an_answer_has_an_unknown_outcome_and_is_not_repeated(
    lane: Lane, vendor: StartVendor, authority: Authority, act: Act, word: str | None
) -> None:
    server = vendor(on_visit(2, act))
    found = faults(post_all(lane, posts(server), ca_file=authority.ca_file, rounds=2))
    assert {reason for _, reason in found} == {RetryReason.UNKNOWN_OUTCOME}
    assert word is None or {code for code, _ in found} == {word}
    assert most_visits(server) == 2


def test_a_dying_http1_connection_is_not_repeated_either(lane: Lane, vendor: StartVendor) -> None:
    server = vendor(on_visit(2, Act.DROP_CONNECTION), tls=False)
    assert {reason for _, reason in faults(post_all(lane, posts(server, 2), rounds=2))} == {RetryReason.UNKNOWN_OUTCOME}
    assert most_visits(server) == 2


@pytest.mark.parametrize("act", [Act.REFUSE_STREAM, Act.GOAWAY_UNSEEN])
def test_a_request_the_server_has_not_seen_is_sent_again(
    lane: Lane, vendor: StartVendor, authority: Authority, act: Act
) -> None:
    server = vendor(while_another_waits(act))
    assert {answer.status for answer in post_all(lane, posts(server, 2), ca_file=authority.ca_file, rounds=2)} == {200}
    assert most_visits(server) == 3


def test_what_stays_unseen_was_certainly_not_sent(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    server = vendor(while_another_waits(Act.REFUSE_STREAM))
    limits = WireLimits(deadline_seconds=2, resends=0)
    answers = post_all(lane, posts(server, 2), ca_file=authority.ca_file, limits=limits, rounds=2)
    assert faults(answers[1:]) == {("stream_refused", RetryReason.NETWORK)}


def test_goaway_after_the_request_was_seen_leaves_the_outcome_open(
    lane: Lane, vendor: StartVendor, authority: Authority
) -> None:
    server = vendor(on_visit(2, Act.GOAWAY_SEEN))
    answers = post_all(lane, posts(server, 1), ca_file=authority.ca_file, rounds=2)
    assert {reason for _, reason in faults(answers)} == {RetryReason.UNKNOWN_OUTCOME}
    assert most_visits(server) == 2


def test_a_distrustful_wire_calls_a_refused_stream_unknown(
    lane: Lane, vendor: StartVendor, authority: Authority
) -> None:
    server = vendor(lambda seen: Reply(act=Act.REFUSE_STREAM))
    limits = WireLimits(deadline_seconds=1.0, trust_refusals=False)
    found = faults(post_all(lane, posts(server, 1), ca_file=authority.ca_file, limits=limits))
    assert found == {("connection_lost", RetryReason.UNKNOWN_OUTCOME)}
    assert len(server.seen) == 1


def test_accepted_stays_accepted_when_the_body_breaks_off(
    lane: Lane, vendor: StartVendor, authority: Authority
) -> None:
    server = vendor(lambda seen: Reply(200, act=Act.DROP_AFTER_HEADERS))
    assert post_all(lane, posts(server, 1), ca_file=authority.ca_file)[0].status == 200


def test_a_refusal_whose_reason_breaks_off_is_tried_later(
    lane: Lane, vendor: StartVendor, authority: Authority
) -> None:
    server = vendor(lambda seen: Reply(400, act=Act.DROP_AFTER_HEADERS))
    answers = post_all(lane, posts(server, 1), ca_file=authority.ca_file)
    assert faults(answers) == {("broken_answer", RetryReason.SERVER)}


@pytest.mark.parametrize("length", [60_000, 5_000_000])
def test_no_more_than_the_cap_is_read_of_a_body(lane: Lane, vendor: StartVendor, length: int) -> None:
    server = vendor(lambda seen: Reply(500, b"x" * length), tls=False)
    answer = post_all(lane, posts(server, 1))[0]
    assert answer.status == 500
    assert len(answer.body) <= QUICK.body_bytes


def test_a_redirect_is_not_followed(lane: Lane, vendor: StartVendor) -> None:
    server = vendor(lambda seen: Reply(302, headers={"Location": "/elsewhere"}), tls=False)
    assert post_all(lane, posts(server, 1))[0].status == 302
    assert len(server.seen) == 1


def test_proxies_of_the_environment_are_ignored(
    lane: Lane, vendor: StartVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert post_all(lane, posts(vendor(lambda seen: Reply(), tls=False), 1))[0].status == 200


def test_posts_beyond_the_limit_wait_and_then_expire(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply(act=Act.NEVER))
    limits = WireLimits(connections=1, streams=2, deadline_seconds=3.0, queue_seconds=1.5)
    found = Counter(
        answer.fault.vendor_code
        for answer in post_all(lane, posts(server, 6), ca_file=authority.ca_file, limits=limits)
        if answer.fault
    )
    assert found == {"timeout": 2, "queue_timeout": 4}
    assert len(server.seen) == 2


def test_what_cannot_leave_in_time_is_not_sent(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply())

    async def late() -> list[Answer]:
        wire = lane(ca_file=authority.ca_file, limits=QUICK)
        START_BY.set(time.monotonic() - 0.1)
        answers = await wire.post(posts(server))
        START_BY.set(time.monotonic() + 60)
        in_time = await wire.post(posts(server, 1))
        await wire.close()
        return [*answers, *in_time]

    *answers, in_time = run(late())
    assert faults(answers) == {("too_late", RetryReason.NETWORK)}
    assert in_time.status == 200
    assert len(server.seen) == 1


def test_a_silent_vendor_gets_new_connections(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply() if seen.connection else Reply(act=Act.NEVER))

    async def work() -> int:
        wire = lane(ca_file=authority.ca_file, limits=WireLimits(connections=1, deadline_seconds=0.5))
        try:
            for _ in range(20):
                answer = (await wire.post(posts(server, 1)))[0]
                if answer.status:
                    break
            return answer.status
        finally:
            await wire.close()

    assert run(work()) == 200


def test_the_kernel_gives_up_a_peer_that_confirms_nothing(
    lane: Lane, vendor: StartVendor, authority: Authority
) -> None:
    server = vendor(lambda seen: Reply(after_seconds=0.3))

    async def work() -> list[int]:
        wire = lane(ca_file=authority.ca_file, limits=WireLimits(deadline_seconds=7))
        task = asyncio.create_task(wire.post(posts(server, 1)))
        await asyncio.to_thread(server.wait_for, 1)
        found = [_user_timeout(key.fd) for key in _sockets(wire)]
        await task
        await wire.close()
        return found

    assert 7000 in run(work())


def _sockets(wire: Wire | LeanWire) -> Iterable[selectors.SelectorKey]:
    watcher = wire._poller if isinstance(wire, LeanWire) else wire._pump
    return watcher._selector.get_map().values()


def _user_timeout(descriptor: int) -> int:
    """0 for libcurl's own signals, which are no sockets."""
    with suppress(OSError), _borrow(descriptor) as borrowed:
        return borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    return 0


def test_a_caller_who_gives_up_takes_waiting_posts_along(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply(after_seconds=0.5))

    async def work() -> None:
        wire = lane(ca_file=authority.ca_file, limits=WireLimits(connections=1, streams=1, deadline_seconds=5))
        task = asyncio.create_task(wire.post(posts(server, 10)))
        await asyncio.to_thread(server.wait_for, 1)
        task.cancel()
        await asyncio.sleep(1.5)
        await wire.close()

    run(work())
    assert 1 <= len(server.seen) <= 2


def test_closing_settles_what_is_in_flight(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply(act=Act.NEVER))

    async def work() -> list[Answer]:
        wire = lane(
            ca_file=authority.ca_file, limits=WireLimits(connections=1, streams=1, queue_seconds=9, deadline_seconds=9)
        )
        task = asyncio.create_task(wire.post(posts(server, 2)))
        await asyncio.to_thread(server.wait_for, 1)
        await wire.close()
        return await task

    assert [answer.fault.vendor_code for answer in run(work()) if answer.fault] == ["connection_lost", "queue_timeout"]


def test_an_idle_connection_is_used_again(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply())

    async def work() -> None:
        wire = lane(ca_file=authority.ca_file, limits=QUICK)
        await wire.post(posts(server, 1))
        await asyncio.sleep(0.3)
        await wire.post(posts(server, 1))
        await wire.close()

    run(work())
    assert server.connection_count == 1


def test_an_idle_wire_costs_no_time(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply())

    async def work() -> float:
        wire = lane(ca_file=authority.ca_file, limits=QUICK)
        await wire.post(posts(server, 40))
        started = time.thread_time()
        await asyncio.sleep(0.5)
        spent = time.thread_time() - started
        await wire.close()
        return spent

    assert run(work()) < 0.1


def test_a_call_that_may_no_longer_start_does_not(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    """What the engine checked too long ago is not sent, also where it has only waited for room."""
    server = vendor(lambda seen: Reply(after_seconds=2.0))

    async def work() -> list[Answer]:
        wire = lane(ca_file=authority.ca_file, limits=WireLimits(connections=1, streams=1, deadline_seconds=6))
        START_BY.set(asyncio.get_running_loop().time() + 1.5)
        answers = await wire.post(posts(server, 3))
        await wire.close()
        return answers

    first, *others = run(work())
    assert first.status == 200
    assert {reason for _, reason in faults(others)} == {RetryReason.NETWORK}
    assert len(server.seen) == 1
