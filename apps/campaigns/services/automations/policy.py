"""An automation's message step in the engine's words, as handover does for campaigns."""

from apps.accounts.models import App
from apps.campaigns.models import Automation, AutomationStep
from apps.customers.models import Topic
from apps.deliveries.policy import Policy
from apps.deliveries.rendering.links import named_after
from apps.deliveries.services.plan import ContentDraft


def origin_of(step: AutomationStep) -> str:
    """The name under which the engine, and rules of segments, know this step."""
    return f"automation:{step.automation_id}:{step.position + 1}"


def contents_of(step: AutomationStep) -> list[ContentDraft]:
    return [
        ContentDraft(variant=0, language=language, body=named_after(body, step.automation.name))
        for language, body in sorted(step.settings.get("texts", {}).items())
    ]


def policy_of(automation: Automation, *, has_personal_facts: bool = False) -> Policy:
    """The hold-out is drawn from the automation, so it is the same people at every step."""
    app: App = automation.app
    topic = Topic.objects.filter(app=app, key=automation.topic).first() if automation.topic else None
    quiet = (app.quiet_from, app.quiet_until) if automation.respects_quiet_hours else (None, None)
    return Policy(
        topic=automation.topic,
        cap_count=app.cap_count if automation.respects_cap else None,
        cap_days=app.cap_days,
        topic_cap_count=topic.cap_count if topic and automation.respects_cap else None,
        topic_cap_days=topic.cap_days if topic else 7,
        quiet_from=f"{quiet[0]:%H:%M}" if quiet[0] and quiet[1] else "",
        quiet_until=f"{quiet[1]:%H:%M}" if quiet[0] and quiet[1] else "",
        default_time_zone=app.time_zone,
        holdout_percent=automation.holdout_percent,
        salt=f"automation:{automation.pk}",
        expire_after_seconds=automation.expire_after_minutes * 60,
        canary_devices=0,
        has_personal_facts=has_personal_facts,
    )
