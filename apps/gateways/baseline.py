"""The vendors' Python libraries as their guides use them: what `bench campaign --baseline` compares the product with.

Their own defaults throughout, but for the address and the authority of the sink. Nothing else uses this module.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from itertools import batched
from typing import Any

import firebase_admin
import requests
from aioapns import APNs, NotificationRequest
from aioapns.connection import APNsTLSClientProtocol
from firebase_admin import messaging
from pywebpush import webpush

from apps.gateways.contract import ApnsCredentials, Endpoints, FcmCredentials, PushMessage, VapidCredentials
from apps.gateways.loop import run

# As many as firebase-admin takes in one call.
_AT_ONCE = 500

type Sender = Callable[[Sequence[PushMessage], Any, Endpoints], int]
"""Sends all, with the account's credentials, to the sink at these addresses. Returns how many were accepted."""


def by_firebase_admin(messages: Sequence[PushMessage], account: FcmCredentials, endpoints: Endpoints) -> int:
    """send_each, 500 at a time, each with a thread of its own."""
    certificate = firebase_admin.credentials.Certificate(dict(account.service_account))
    # google-auth would ask Google, beside the send, which regions the account may use.
    certificate.get_credential()._is_regional_access_boundary_lookup_required = lambda: False
    app = firebase_admin.initialize_app(certificate, name="baseline")
    try:
        service = messaging._get_messaging_service(app)
        service._fcm_url = f"{endpoints.fcm_base_url}/v1/projects/{app.project_id}/messages:send"
        session = service._client.session
        session.mount(endpoints.fcm_base_url, session.get_adapter("https://fcm.googleapis.com"))
        session.verify, session.trust_env = endpoints.ca_file, False
        sent = [
            messaging.send_each(list(map(_firebase_message, part)), app=app) for part in batched(messages, _AT_ONCE)
        ]
        return sum(answer.success_count for answer in sent)
    finally:
        firebase_admin.delete_app(app)


def by_aioapns(messages: Sequence[PushMessage], account: ApnsCredentials, endpoints: Endpoints) -> int:
    """send_notification, gathered."""

    class Sink(APNsTLSClientProtocol):
        APNS_SERVER = endpoints.apns_host
        APNS_PORT = endpoints.apns_port

    context = ssl.create_default_context(cafile=endpoints.ca_file)
    context.set_alpn_protocols(["h2"])  # Apple's servers do without

    async def send() -> int:
        client = APNs(
            key=account.key_p8,
            key_id=account.key_id,
            team_id=account.team_id,
            topic=account.topic,
            ssl_context=context,
        )
        client.pool.protocol_class = Sink
        accepted = 0
        for part in batched(messages, _AT_ONCE):
            answers = await asyncio.gather(*(client.send_notification(_apns_request(one)) for one in part))
            accepted += sum(answer.is_successful for answer in answers)
        client.pool.close()
        return accepted

    return run(send())


def by_pywebpush(messages: Sequence[PushMessage], account: VapidCredentials, endpoints: Endpoints) -> int:
    """webpush(), one after the other. A session of our own, closed each time, only because the sink's CA is."""
    accepted = 0
    for message in messages:
        with requests.Session() as session:
            session.verify, session.trust_env = endpoints.ca_file, False
            answer: Any = webpush(
                {"endpoint": message.address, "keys": {"p256dh": message.webpush_p256dh, "auth": message.webpush_auth}},
                json.dumps(_texts(message)),
                vapid_private_key=account.private_key,
                vapid_claims={"sub": account.subject},
                headers={"Topic": message.notification_id[:32]},
                ttl=3600,
                requests_session=session,
            )
        accepted += answer.ok
    return accepted


# Gateway, library, how.
SENDERS: Mapping[str, tuple[str, Sender]] = {
    "fcm": ("firebase-admin", by_firebase_admin),
    "apns": ("aioapns", by_aioapns),
    "webpush": ("pywebpush", by_pywebpush),
}


def _texts(message: PushMessage) -> dict[str, str]:
    return {"title": message.content.title, "body": message.content.body, "nid": message.notification_id}


def _firebase_message(message: PushMessage) -> messaging.Message:
    return messaging.Message(
        fid=message.address,
        data={"nid": message.notification_id},
        notification=messaging.Notification(message.content.title, message.content.body),
        android=messaging.AndroidConfig(
            priority="high", notification=messaging.AndroidNotification(tag=message.notification_id)
        ),
    )


def _apns_request(message: PushMessage) -> NotificationRequest:
    alert = {"title": message.content.title, "body": message.content.body}
    return NotificationRequest(
        message.address,
        {"aps": {"alert": alert, "mutable-content": 1}, "nid": message.notification_id},
        collapse_key=message.notification_id,
        time_to_live=3600,
    )
