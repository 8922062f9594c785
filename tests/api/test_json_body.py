"""Bodies: the limits hold before anything is parsed, and each breach has its code."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.api.json_body import MOST_BYTES, parse_object
from apps.api.refusals import Refusal

DEEP = "[" * 21 + "]" * 21


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "body_required"),
        (b"  \n", "body_required"),
        (b'{"a": 1,}', "json_syntax"),
        (b"{'a': 1}", "json_syntax"),
        (b'{"a": NaN}', "json_syntax"),
        (b'{"a": -Infinity}', "json_syntax"),
        (b'{"a": "\n"}', "json_syntax"),
        (b'{"a": 1} {}', "json_syntax"),
        (b"[]", "object_expected"),
        (b'"text"', "object_expected"),
        (b"null", "object_expected"),
        (b"7", "object_expected"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'{"b": [{"a": 1, "a": 1}]}', "duplicate_key"),
        (b'{"a": "\xff"}', "encoding"),
        ('{"a": 1}'.encode("utf-16"), "encoding"),
        (rb'{"a": "\ud800"}', "encoding"),
        (rb'{"\udfff": 1}', "encoding"),
        (rb'{"a": "x\u0000y"}', "nul_not_allowed"),
        (rb'{"a": {"b\u0000": 1}}', "nul_not_allowed"),
        (f'{{"a": {DEEP}}}'.encode(), "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
        (b'{"a": 1e400}', "range"),
        (b'{"a": ' + b"9" * 5000 + b"}", "range"),
        (b"x" * (MOST_BYTES + 1), "body_too_large"),
    ],
)
def test_a_breach_has_its_code(raw: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_object(raw)
    assert refused.value.code == code


def test_a_syntax_error_says_where() -> None:
    with pytest.raises(Refusal, match="line 2, column 7"):
        parse_object(b'{"a": 1,\n "b": x}')


def test_a_byte_order_mark_is_taken() -> None:
    assert parse_object(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_brackets_in_texts_are_no_depth() -> None:
    assert parse_object(json.dumps({"a": "[" * 50 + '\\"' + "{" * 50}).encode())


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert parse_object(rb'{"a": "\\u0000"}') == {"a": r"\u0000"}


def test_nul_is_named_by_its_place() -> None:
    with pytest.raises(Refusal) as refused:
        parse_object(rb'{"a": [1, {"b/c": "\u0000"}]}')
    assert refused.value.problems[0].pointer == "/a/1/b~1c"


LEAVES = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(-1e9, 1e9) | st.text()
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_an_object_or_a_refusal(raw: bytes) -> None:
    with contextlib.suppress(Refusal):
        assert isinstance(parse_object(raw), dict)
