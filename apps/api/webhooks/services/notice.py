"""Notice: the people who run an app's integrations are told that an endpoint was switched off."""

import logging
from smtplib import SMTPException
from threading import Thread

from django.conf import settings
from django.core.mail import send_mail
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.api.webhooks.models import WebhookEndpoint

_ROLES = ("owner", "developer")
_log = logging.getLogger(__name__)


def tell_of_disabling(endpoint: WebhookEndpoint) -> int:
    """Write to owners and developers of the app who have an address; returns to how many. Its page says the same.

    Nobody is written to where EMAIL_URL is not set. The mail leaves by a thread: no webhook waits for a mail server.
    """
    if not settings.EMAIL_URL:
        return 0
    people = User.objects.filter(memberships__app=endpoint.app, groups__name__in=_ROLES, is_active=True)
    addresses = sorted(set(people.exclude(email="").values_list("email", flat=True)))
    subject = _("A webhook of %s was switched off") % endpoint.app.name
    text = _(
        "%(url)s has failed for five days, or answered that it is gone. Last failure: %(error)s\n\nWhat happens"
        " meanwhile is kept and is sent once you switch the webhook on again: Webhooks, in the admin at %(site)s"
    ) % {"url": endpoint.url, "error": endpoint.last_error, "site": settings.PUBLIC_URL}
    Thread(target=_send, args=(subject, text, addresses), name="notice", daemon=True).start()
    return len(addresses)


def _send(subject: str, text: str, addresses: list[str]) -> None:
    try:
        for address in addresses:
            send_mail(subject, text, None, [address])
    except (OSError, SMTPException) as error:
        _log.error("nobody could be told that a webhook was switched off: %s", error)
