"""Rotation: every stored secret goes to the first key, in steps, so that the old key can be taken out."""

import base64
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.core import encryption
from apps.core.reencryption import encrypted_columns, reencrypt
from apps.devices.models import Channel
from tests.factories import make_app, make_channel

pytestmark = pytest.mark.django_db
type UseKeys = Callable[..., None]


@pytest.fixture
def keys(settings: Any) -> Iterator[UseKeys]:
    def use(*ids: str) -> None:
        settings.FIELD_ENCRYPTION_KEYS = [f"{i}:{base64.urlsafe_b64encode(i.encode() * 16).decode()}" for i in ids]
        encryption._ciphers.cache_clear()

    yield use
    encryption._ciphers.cache_clear()


def rotate(*words: str) -> list[str]:
    out = StringIO()
    call_command("rotate_keys", *words, stdout=out)
    return out.getvalue().splitlines()


def stored() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("select credentials from devices_channel order by id")
        return [row[0] for row in cursor.fetchall()]


def make_channels(count: int) -> list[Channel]:
    return [make_channel(make_app(), credentials={"number": number}) for number in range(count)]


def test_every_encrypted_field_is_known() -> None:
    found = {str(column) for column in encrypted_columns()}
    assert found >= {"devices.Channel.credentials", "deliveries.Content.body", "accounts.SecondFactor.secret"}


def test_after_a_rotation_the_old_key_can_go(keys: UseKeys) -> None:
    keys("k1")
    make_channels(3)
    keys("k2", "k1")
    with pytest.raises(CommandError, match="3 rows need another key than 'k2'"):
        rotate("--check")
    assert "devices.Channel.credentials: 3 encrypted anew" in rotate()
    rotate("--check")
    keys("k2")
    assert [channel.credentials["number"] for channel in Channel.objects.order_by("pk")] == [0, 1, 2]


def test_it_goes_on_where_it_was_stopped(keys: UseKeys) -> None:
    keys("k1")
    make_channels(5)
    keys("k9")
    Channel.objects.filter(pk=Channel.objects.order_by("-pk").values("pk")[:1]).update(credentials={"number": 4})
    keys("k2", "k1")
    column = next(one for one in encrypted_columns() if one.model is Channel)
    with pytest.raises(encryption.WrongKey, match="k9"):
        reencrypt(column, rows_at_a_time=2)
    assert [text.partition(":")[0] for text in stored()] == ["k2", "k2", "k2", "k2", "k9"]
    keys("k2", "k1", "k9")
    assert reencrypt(column) == 1


def test_what_is_done_is_left_alone(keys: UseKeys) -> None:
    keys("k1")
    make_channels(1)
    before = stored()
    assert "devices.Channel.credentials: 0 encrypted anew" in rotate()
    assert stored() == before
