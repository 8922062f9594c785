"""Documents that must be refused before they are kept: what is kept is shown again."""

import json

import pytest

from apps.sandbox.strict_json import parse_json
from tests.fixtures_sandbox import RunningSandbox
from tests.sandbox.fcm_client import FcmClient
from tests.sandbox.test_apns import ApnsClient

BAD = [b"", b"[", b"nul", b'{"a": NaN}', b'{"a": "\\ud800"}', "{}".encode("utf-16"), b'{"a": "\xff"}', b"[" * 16_000]


@pytest.mark.parametrize("octets", BAD, ids=repr)
def test_bad_documents_are_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(octets)


def test_pairs_of_surrogates_are_letters() -> None:
    assert parse_json(b'["\\ud83d\\ude00"]') == ["😀"]


@pytest.mark.parametrize("octets", BAD, ids=lambda octets: repr(octets[:20]))
def test_no_gateway_answers_500_to_a_bad_document(sandbox: RunningSandbox, octets: bytes) -> None:
    apns = ApnsClient(sandbox)
    assert FcmClient(sandbox).send_raw(octets)[0] == 400
    assert apns.send(payload=octets).status in (400, 413)
    apns.wire.close()


def test_deep_nesting_is_refused_where_it_is_counted(sandbox: RunningSandbox) -> None:
    deep = json.loads("[" * 900 + "]" * 900)
    body = json.dumps({"message": {"token": "t", "webpush": {"notification": {"a": deep, "b": "x" * 5000}}}})
    assert FcmClient(sandbox).send_raw(body.encode())[0] == 400
