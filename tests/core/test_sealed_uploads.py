"""Large uploads: sealed on the web server's disk, read like any file, and gone with the request."""

import io
import os
import random
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIRequest
from django.test import RequestFactory
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from apps.accounts.models import User
from apps.core.sealed_uploads import MOST_BYTES, PIECE_BYTES, SealedUploadHandler

# Of 3.2 MB, pieces of which do not end where those on disk do.
PEOPLE = b"anna@example.com,+48500600700\n" * 110_000
SOMEBODY = User(username="ada")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: LazySettings) -> Path:
    """The web server's temporary folder."""
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    return tmp_path


def coming(person: Any, *, whole: float = 1) -> WSGIRequest:
    """A request with the file, of which only a part comes."""
    body = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("people.csv", PEOPLE)})
    body = body[: int(len(body) * whole)]
    request = RequestFactory().generic("POST", "/", body, content_type=MULTIPART_CONTENT)
    request.user = person
    return request


def on_disk(folder: Path) -> list[bytes]:
    """What this process holds open in the folder, which need not have a name."""
    held = []
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the listing's own
            link = f"/proc/self/fd/{number}"
            held += [Path(link).read_bytes()] if os.readlink(link).startswith(str(folder)) else []
    return held


def test_it_lies_sealed_and_nameless_and_is_read_from_any_place(folder: Path) -> None:
    with closing(coming(SOMEBODY)) as request:
        file = request.FILES["file"]
        assert b"".join(file.chunks()) == PEOPLE
        assert (file.size, file.name) == (len(PEOPLE), "people.csv")
        for place in random.Random(7).sample(range(len(PEOPLE)), 20):
            file.seek(place)
            assert file.read(2 * PIECE_BYTES) == PEOPLE[place : place + 2 * PIECE_BYTES]
        assert (file.seek(-9, io.SEEK_END), file.read(), file.read()) == (len(PEOPLE) - 9, PEOPLE[-9:], b"")
        [kept] = on_disk(folder)
        assert len(kept) >= len(PEOPLE)
        assert b"anna" not in kept
        assert not list(folder.iterdir())
    assert on_disk(folder) == []


def test_what_breaks_off_leaves_nothing(folder: Path) -> None:
    assert not coming(SOMEBODY, whole=0.9).FILES
    assert on_disk(folder) == []


def test_of_strangers_nothing_is_kept(folder: Path) -> None:
    assert not coming(AnonymousUser()).FILES
    assert on_disk(folder) == []


def test_more_than_any_page_takes_is_not_begun(folder: Path) -> None:
    request = RequestFactory().get("/")
    request.user = SOMEBODY
    handler = SealedUploadHandler(request)
    kept = []
    for size in (MOST_BYTES, MOST_BYTES + 1):
        handler.handle_raw_input(request, request.META, size, "boundary")
        handler.new_file("file", "people.csv", "text/csv", None)
        handler.receive_data_chunk(b"anna", 0)
        kept.append(len(on_disk(folder)))
        handler.upload_interrupted()
    assert kept == [1, 0]
    assert on_disk(folder) == []
