"""Templates: a message kept under a name, to begin other campaigns with."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services.audit import write_audit
from apps.campaigns.models import Campaign, MessageTemplate
from apps.core.problems import FieldProblem, InvalidInput


def save_template(*, campaign: Campaign, name: str, actor: User, now: datetime) -> MessageTemplate:
    """Keep the campaign's first message under `name`; one of that name in the app is replaced. Audited.

    Raises InvalidInput without a name, or without anything written.
    """
    name = " ".join(name.split())[:100]
    variant = campaign.variants.order_by("position").first()
    problems = []
    if not name or not name.isprintable():
        problems.append(FieldProblem("/name", "required", _("give it a name")))
    if variant is None or not any(text.get("title") or text.get("body") for text in variant.texts.values()):
        problems.append(FieldProblem("/texts", "required", _("there is no text to keep yet")))
    if problems or variant is None:
        raise InvalidInput(problems)
    with transaction.atomic():
        kept, _is_new = MessageTemplate.objects.update_or_create(
            app=campaign.app,
            name=name,
            defaults={"texts": variant.texts},
            create_defaults={"texts": variant.texts, "created_by": actor, "created_at": now},
        )
        write_audit(
            app=campaign.app,
            actor=actor,
            action="template.saved",
            subject=f"template:{kept.pk}",
            details={"name": name, "campaign": campaign.pk},
            now=now,
        )
    return kept
