"""CSV cells never start a spreadsheet formula, whichever side made them."""

import csv
import io

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from apps.core.csv import copy_rows, safe_cell, safe_cell_sql

TRIGGERS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@given(st.text(alphabet=st.sampled_from([*"=+-@ab,\" \t\r\n'", "＝", "＋", "é"]), max_size=8))
def test_no_cell_made_in_python_starts_a_formula(text: str) -> None:
    assert not safe_cell(text).lstrip(" ").startswith(TRIGGERS)


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["=1+1", " =1+1", "＋48", "-5", "@x", "\tx", "plain", "it's"])
def test_sql_and_python_agree(text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"select {safe_cell_sql('%(text)s::text')}", {"text": text})
        assert cursor.fetchone() == (safe_cell(text),)


@pytest.mark.django_db
def test_copy_streams_rows_with_a_header() -> None:
    chunks = copy_rows("select n, 'a,\"b' as text from generate_series(1, %(n)s) n", {"n": 3})
    rows = list(csv.reader(io.StringIO(b"".join(chunks).decode())))
    assert rows[0] == ["n", "text"]
    assert rows[3] == ["3", 'a,"b']


@pytest.mark.django_db
def test_lines_end_as_rfc_4180_says_and_breaks_in_cells_stay() -> None:
    chunks = copy_rows(r"select 'Anna' as name, E'one\ntwo' as note union all select 'Bo', E'\r\n'", {})
    assert b"".join(chunks) == b'name,note\r\nAnna,"one\ntwo"\r\nBo,"\r\n"\r\n'


@pytest.mark.django_db
def test_pieces_are_of_whole_lines() -> None:
    pieces = list(copy_rows("select n, repeat('x', 1000) as text from generate_series(1, 500) n", {}))
    assert len(pieces) > 5
    assert all(piece.endswith(b"\r\n") for piece in pieces)
    assert b"".join(pieces).count(b"\r\n") == 501
