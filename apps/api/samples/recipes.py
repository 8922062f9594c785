"""What developers come for, as data: which call of the OpenAPI document, and with what. One story runs through all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.api.codes import Words


@dataclass(frozen=True, slots=True)
class Recipe:
    """name: its anchor. operation: the call's id in the document. path: values of the address's {names}."""

    name: str
    operation: str
    title: Words
    about: Words
    body: Mapping[str, Any] | None = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str = ""


RECIPES = (
    Recipe(
        "save-customer",
        "saveCustomers",
        _("Tell who somebody is"),
        _("Creates the person or changes what is named. Up to 1,000 people fit into one request, under customers."),
        body={
            "external_id": "ada",
            "email": "ada@example.com",
            "first_name": "Ada",
            "language": "en",
            "consent": {"push": True},
            "consent_wording": "Tell me about my orders",
            "traits": {"plan": "gold"},
        },
    ),
    Recipe(
        "register-device",
        "registerDevice",
        _("Register a device"),
        _("What an app does at every launch, with a publishable key. A token belongs to its last registration."),
        body={
            "platform": "android",
            "provider": "fcm",
            "address": "token-of-adas-phone",
            "customer": "ada",
            "locale": "en-GB",
            "time_zone": "Europe/Warsaw",
            "permission": "granted",
        },
    ),
    Recipe(
        "send-events",
        "sendEvents",
        _("Tell what somebody did"),
        _("Segments, automations and texts can ask for it. Up to 500 events fit into one request."),
        body={
            "events": [
                {"customer": "ada", "name": "order_placed", "properties": {"order": "1043", "total": 49.9}},
                {"customer": "ada", "name": "product_viewed", "properties": {"sku": "TEA-1"}},
            ]
        },
    ),
    Recipe(
        "push-to-token",
        "sendPush",
        _("Push to a device token"),
        _("Goes out at once. The idempotency key makes sending the same request again safe: it stays one push."),
        body={
            "device_tokens": ["token-of-adas-phone"],
            "title": "Your order is on its way",
            "body": "It arrives on Tuesday.",
            "deep_link": "https://shop.example/orders/1043",
            "ttl_seconds": 3600,
            "external_id": "order-1043",
        },
        idempotency_key="order-1043-sent",
    ),
    Recipe(
        "push-to-customer",
        "sendPush",
        _("Push to a customer"),
        _("Reaches all devices of a person, by your own id. Texts are Liquid and know the person's traits."),
        body={
            "customers": ["ada"],
            "title": "Delivered",
            "body": "{{ first_name | default: 'Hello' }}, your parcel is at the door.",
            "buttons": [{"id": "rate", "label": "Rate us", "link": "https://shop.example/rate"}],
        },
        idempotency_key="order-1043-delivered",
    ),
    Recipe(
        "push-a-template",
        "sendPush",
        _("Push a message template"),
        _("Marketers write the texts, in every language; your code brings the values."),
        body={"customers": ["ada"], "template": "Order status", "traits": {"order": "1043", "status": "packed"}},
        idempotency_key="order-1043-packed",
    ),
    Recipe(
        "trigger-campaign",
        "triggerCampaign",
        _("Trigger a campaign"),
        _("The campaign's own rules hold: frequency cap, quiet hours, topic, hold-out."),
        path={"campaign_id": "17"},
        body={"customers": ["ada"], "traits": {"order": "1043"}},
        idempotency_key="basket-of-ada-1043",
    ),
    Recipe(
        "history",
        "listPushes",
        _("Ask what became of it"),
        _("All that a person was sent or not sent, newest first; cursor brings the next page."),
        query={"customer": "ada", "limit": "10"},
    ),
)
