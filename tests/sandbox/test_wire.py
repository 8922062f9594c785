"""HTTP/1.1 and HTTP/2 at the byte level, and what scripts do to connections."""

import json
import re
import socket
import time
import urllib.error
from pathlib import Path

import pytest

from tests.fixtures_sandbox import RunningSandbox, start_sandbox, stop_sandbox
from tests.sandbox.fcm_client import FcmClient
from tests.sandbox.h2_client import H2Client


def talk(sandbox: RunningSandbox, *pieces: bytes) -> bytes:
    """Send pieces with a pause between them; everything that comes back until the server hangs up."""
    received = b""
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=60) as wire:
        for piece in pieces:
            wire.sendall(piece)
            time.sleep(0.02)
        while octets := wire.recv(65536):
            received += octets
    return received


HEALTH = b"GET /_health HTTP/1.1\r\nhost: localhost\r\n\r\n"
LAST = HEALTH.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")


def test_requests_in_one_piece_are_answered_in_order(sandbox: RunningSandbox) -> None:
    received = talk(sandbox, HEALTH + HEALTH.replace(b"_health", b"_nothing") + LAST)
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"404", b"200"]


def test_a_request_in_many_pieces_is_understood(sandbox: RunningSandbox) -> None:
    assert talk(sandbox, *(LAST[index : index + 9] for index in range(0, len(LAST), 9))).startswith(b"HTTP/1.1 200")


def test_a_chunked_body_is_understood(sandbox: RunningSandbox) -> None:
    script = json.dumps({"gateway": "fcm", "behaviour": "ok"}).encode()
    head = b"POST /_script HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = b"5;x=y\r\n" + script[:5] + b"\r\n" + b"%x\r\n" % len(script[5:]) + script[5:] + b"\r\n0\r\n\r\n"
    assert talk(sandbox, head + chunks[:10], chunks[10:]).startswith(b"HTTP/1.1 201")


def test_a_client_that_waits_for_100_continue_gets_it(sandbox: RunningSandbox) -> None:
    head = b"POST /_limits HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 2\r\n"
    received = talk(sandbox, head + b"expect: 100-continue\r\n\r\n", b"{}")
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 70000, b"431"),
    ],
)
def test_what_is_no_request_is_refused_and_hung_up_on(sandbox: RunningSandbox, octets: bytes, status: bytes) -> None:
    assert talk(sandbox, octets)[9:12] == status


def test_connection_close_closes(sandbox: RunningSandbox) -> None:
    assert b"connection: close" in talk(sandbox, LAST)


@pytest.mark.parametrize(("behaviour", "kept"), [("drop_after_accept", 1), ("reset", 0), ("goaway", 0)])
def test_a_script_can_break_an_http1_connection(sandbox: RunningSandbox, behaviour: str, kept: int) -> None:
    client = FcmClient(sandbox)
    sandbox.script("fcm", behaviour, times=1)
    with pytest.raises((ConnectionError, urllib.error.URLError)):
        client.send({"token": "t"})
    assert sandbox.inbox()["count"] == kept


def test_an_html_error_is_a_502_page(sandbox: RunningSandbox) -> None:
    client = FcmClient(sandbox)
    sandbox.script("fcm", "html_error", times=1)
    with pytest.raises(ValueError, match="Expecting value"):
        client.send({"token": "t"})


def test_the_tls_port_speaks_http2(sandbox: RunningSandbox) -> None:
    wire = H2Client(sandbox.port + 2, sandbox.ca_file)
    authority = f"127.0.0.1:{sandbox.port + 2}"
    headers = [(":method", "GET"), (":scheme", "https"), (":path", "/_health"), (":authority", authority)]
    assert json.loads(wire.wait(wire.request(headers)).body) == {"status": "ok"}
    wire.close()


def test_a_body_larger_than_the_clients_window_arrives_whole(sandbox: RunningSandbox) -> None:
    client = FcmClient(sandbox)
    for number in range(60):
        client.send({"token": "t", "data": {"nid": f"n{number}", "filler": "x" * 3000}})
    wire = H2Client(sandbox.port + 2, sandbox.ca_file)
    headers = [(":method", "GET"), (":scheme", "https"), (":path", "/_inbox"), (":authority", "localhost:1")]
    stream = wire.request(headers)
    seen = wire.wait(stream)
    wire.close()
    assert len(seen.body) > 180_000
    assert json.loads(seen.body)["count"] == 60


def test_sigterm_ends_it_in_mid_talk(tmp_path: Path) -> None:
    sandbox = start_sandbox(tmp_path)
    wire = H2Client(sandbox.port + 2, sandbox.ca_file)
    with socket.create_connection(("127.0.0.1", sandbox.port)):
        assert stop_sandbox(sandbox) == 0
    wire.close()
