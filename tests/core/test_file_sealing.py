"""Files at rest: pieces keep their place, notes are found without being opened, and no other key opens either."""

import pytest

from apps.core.file_sealing import FileKey, new_file_key
from apps.core.sealing import BrokenSeal

KEY = FileKey(new_file_key())


def test_a_piece_comes_back_at_its_own_place_only() -> None:
    sealed = KEY.seal_piece(3, b"anna@example.com")
    assert b"anna" not in sealed
    assert KEY.open_piece(3, sealed) == b"anna@example.com"
    for key, number, piece in (
        (KEY, 4, sealed),
        (FileKey(new_file_key()), 3, sealed),
        (KEY, 3, sealed[:-1]),
        (KEY, 3, b""),
    ):
        with pytest.raises(BrokenSeal):
            key.open_piece(number, piece)


def test_a_note_is_never_sealed_alike_twice() -> None:
    sealed = KEY.seal_note(b"line 3")
    assert KEY.open_note(sealed) == b"line 3"
    assert sealed != KEY.seal_note(b"line 3")
    with pytest.raises(BrokenSeal):
        FileKey(new_file_key()).open_note(sealed)


def test_marks_are_equal_under_one_key_alone() -> None:
    kept = new_file_key()
    assert FileKey(kept).mark("anna") == FileKey(kept).mark("anna") != KEY.mark("anna")
    assert FileKey(kept).mark("anna") != FileKey(kept).mark("Anna")
    assert -(2**63) <= KEY.mark("\ud800") < 2**63
