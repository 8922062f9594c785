"""Files as people have them: every usual encoding and delimiter, and broken lines that cost only themselves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.customers.services.import_text import (
    Block,
    Utf8Judge,
    delimiter_of,
    foreign_kind,
    read_block,
    utf16_of,
)


def read(text: str, *, width: int = 2, is_last: bool = True, encoding: str = "utf-8") -> Block:
    return read_block(text.encode(encoding), encoding=encoding, delimiter=",", width=width, line=2, is_last=is_last)


@pytest.mark.parametrize(
    ("text", "country", "encoding"),
    [
        ("id,name\n1,Zażółć gęślą jaźń\n", "PL", "utf-8"),
        ("id,name\n1,Zażółć gęślą jaźń\n2,Łódź", "US", "cp1250"),
        ("id,name\n1,Zażółć gęślą jaźń\n2,Łódź,śliwka", "PL", "iso8859-2"),
        ("id,name\n1,Müller\n2,Größe\n3,Hélène", "DE", "cp1252"),
        ("id,name\n1,Příliš žluťoučký kůň", "CZ", "cp1250"),
    ],
    ids=["utf-8", "polish-windows", "polish-iso", "german", "czech"],
)
def test_the_encoding_is_the_one_in_which_words_look_like_words(text: str, country: str, encoding: str) -> None:
    judge = Utf8Judge()
    raw = text.encode(encoding)
    for place in range(0, len(raw), 7):
        judge.look(raw[place : place + 7] if encoding == "utf-8" else raw)
    assert judge.encoding(country) == encoding


@pytest.mark.parametrize("flavour", ["utf-16-le", "utf-16-be"])
def test_utf16_is_known_with_and_without_its_mark(flavour: str) -> None:
    raw = "id;name\n1;Łódź\n".encode(flavour)
    assert utf16_of(raw) == flavour
    assert utf16_of("\ufeff".encode(flavour) + raw) == flavour
    assert utf16_of(b"id;name\n1;Anna\n") is None


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"PK\x03\x04..[Content_Types].xml", "an Excel workbook (.xlsx)"),
        (b"PK\x03\x04 data", "a zip archive"),
        (b"\xd0\xcf\x11\xe0 ", "an old Excel workbook (.xls)"),
        (b"<html><table>", "a web page or XML"),
        (b'[{"id": 1}]', "JSON"),
        (b"\x7fELF" + b"\0" * 100, "no text"),
        (b"\x8f\x02k,\x17\xd3\x01\n" * 9, "no text"),
        (b"id,name\n", ""),
    ],
)
def test_what_is_no_table_is_named(head: bytes, kind: str) -> None:
    assert foreign_kind(head) == kind


@pytest.mark.parametrize(("mark"), [",", ";", "\t", "|"])
def test_the_delimiter_cuts_all_lines_alike(mark: str) -> None:
    assert delimiter_of(f'id{mark}name{mark}note\n1{mark}"a, b; c"{mark}x\n2{mark}d, e{mark}y\n') == mark
    assert delimiter_of("id\n1\n2\n") == ","


def test_good_lines_are_kept_and_each_bad_one_is_named() -> None:
    block = read('1,a\n2,b,c\n\n3\n4,"d\ne"\n5,f,,\n,\n6,"g')
    assert block.records == [(2, ["1", "a"]), (6, ["4", "d\ne"]), (8, ["5", "f"])]
    assert [(fault.line, fault.code) for fault in block.faults] == [
        (3, "column_count"),
        (5, "columns_missing"),
        (10, "quotes"),
    ]
    assert block.lines == 9


def test_a_stray_quote_takes_no_lines_with_it() -> None:
    block = read('1,"a\n2,b\n3,"c"\n4,d\n')
    assert [line for line, _cells in block.records] == [3, 4, 5]
    assert [(fault.line, fault.cells) for fault in block.faults] == [(2, ["1", "a"])]


def test_a_cell_that_never_ends_is_named() -> None:
    block = read(f"1,{'x' * 140_000}\n2,b\n")
    assert ([fault.code for fault in block.faults], block.records) == (["line_too_long"], [(3, ["2", "b"])])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.text('aé,"\n\r;ł ', max_size=4), min_size=2, max_size=2), max_size=12),
    st.integers(8, 80),
    st.sampled_from(["\n", "\r\n"]),
)
def test_blocks_of_any_size_give_the_same_records(rows: list[list[str]], size: int, end: str) -> None:
    raw = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + end for row in rows).encode()
    whole = read_block(raw, encoding="utf-8", delimiter=",", width=2, line=1, is_last=True)
    assert [cells for _line, cells in whole.records] == [row for row in rows if any(row)]
    found, place, line, taken = [], 0, 1, size
    while place < len(raw):
        is_last = place + taken >= len(raw)
        block = read_block(
            raw[place : place + taken], encoding="utf-8", delimiter=",", width=2, line=line, is_last=is_last
        )
        if block.faults or not block.used:  # a record longer than the block: a real one is 1 MB
            taken += size
            continue
        found += block.records
        place, line, taken = place + block.used, line + block.lines, size
    assert found == whole.records
