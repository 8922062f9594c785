"""Channels keep credentials encrypted and open and close by compare-and-set."""

from datetime import timedelta

import pytest
from django.db import connection

from apps.devices.services.channels import credentials_of, pause_channel, resume_channel
from apps.gateways.contract import ApnsCredentials, FcmCredentials, TwilioCredentials, VapidCredentials
from tests.factories import NOW, make_app, make_channel

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("gateway", "kind"),
    [("fcm", FcmCredentials), ("apns", ApnsCredentials), ("webpush", VapidCredentials), ("sms", TwilioCredentials)],
)
def test_credentials_come_back_in_the_gateways_shape(gateway: str, kind: type) -> None:
    channel = make_channel(make_app(), gateway)
    channel.refresh_from_db()
    assert isinstance(credentials_of(channel), kind)


def test_secrets_are_not_readable_in_the_database() -> None:
    channel = make_channel(make_app(), "sms")
    with connection.cursor() as cursor:
        cursor.execute("select credentials from devices_channel where id = %s", [channel.pk])
        assert channel.credentials["auth_token"] not in cursor.fetchone()[0]


def test_a_channel_is_paused_once_and_opened_once() -> None:
    channel = make_channel(make_app())
    probe = NOW + timedelta(minutes=5)
    answers = [
        pause_channel(channel_id=channel.pk, reason="403 from the vendor", probe_after=probe, now=NOW) for _ in range(2)
    ]
    channel.refresh_from_db()
    assert answers == [True, False]
    assert (channel.state, channel.paused_reason, channel.probe_after) == ("paused", "403 from the vendor", probe)
    assert [resume_channel(channel_id=channel.pk, now=NOW) for _ in range(2)] == [True, False]
    channel.refresh_from_db()
    assert (channel.state, channel.paused_reason, channel.probe_after) == ("active", "", None)
