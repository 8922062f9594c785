"""Every address of the machine door."""

from django.urls import path, register_converter

from apps.api.views import (
    approvals,
    automations,
    callbacks,
    campaigns,
    clicks,
    customers,
    devices,
    dispatches,
    documents,
    events,
    explain,
    metrics,
    pairing,
    preferences,
    push,
    receipts,
    segments,
    webhooks,
)
from apps.customers.services.profile_fields import clean_external_id

LARGEST_ID = 2**63 - 1


class Id:
    """A row's number, and nothing that a bigint cannot hold."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, text: str) -> int:
        number = int(text)
        if number > LARGEST_ID:
            raise ValueError(text)
        return number

    def to_url(self, number: int) -> str:
        return str(number)


class Name:
    """A caller's own name for a person, cleaned as where it was given: whatever could be created can be erased.

    It may hold slashes, so its path comes after those that end in a word. The servers hand %2F over as a slash: who is
    called `a/export` is read and erased by `?external_id=`.
    """

    regex = ".+"

    def to_python(self, text: str) -> str:
        name = clean_external_id(text, pointer="", problems=[])
        if name is None:
            raise ValueError(text)
        return name

    def to_url(self, text: str) -> str:
        return text


register_converter(Id, "id")
register_converter(Name, "name")

urlpatterns = [
    path("v2.1/push", push.PushView.as_view()),
    path("v2.1/push/<id:push_id>", push.OnePushView.as_view()),
    path("v2.1/devices", devices.DevicesView.as_view()),
    path("v2.1/devices/<id:device_id>", devices.OneDeviceView.as_view()),
    path("v2.1/customers", customers.CustomersView.as_view()),
    path("v2.1/customers/<name:external_id>/export", customers.ExportCustomerView.as_view()),
    path("v2.1/customers/<name:external_id>/explain", explain.ExplainCustomerView.as_view()),
    path("v2.1/customers/<name:external_id>", customers.OneCustomerView.as_view()),
    path("v2.1/events", events.EventsView.as_view()),
    path("v2.1/receipts", receipts.ReceiptsView.as_view()),
    path("v2.1/segments", segments.SegmentsView.as_view()),
    path("v2.1/segments/<id:segment_id>", segments.OneSegmentView.as_view()),
    path("v2.1/segments/<id:segment_id>/refresh", segments.RefreshSegmentView.as_view()),
    path("v2.1/campaigns", campaigns.CampaignsView.as_view()),
    path("v2.1/campaigns/<id:campaign_id>", campaigns.OneCampaignView.as_view()),
    path("v2.1/campaigns/<id:campaign_id>/report", campaigns.CampaignReportView.as_view()),
    path("v2.1/campaigns/<id:campaign_id>/simulate", campaigns.SimulateCampaignView.as_view()),
    path("v2.1/campaigns/<id:campaign_id>/launch", campaigns.LaunchCampaignView.as_view()),
    path("v2.1/campaigns/<id:campaign_id>/trigger", campaigns.TriggerCampaignView.as_view()),
    path("v2.1/campaigns/<id:campaign_id>/triggers/<id:trigger_id>", campaigns.OneTriggerView.as_view()),
    path("v2.1/campaigns/<id:campaign_id>/approval", approvals.CampaignApprovalView.as_view()),
    path("v2.1/campaigns/<id:campaign_id>/pause", campaigns.PauseCampaignView.as_view()),
    path("v2.1/campaigns/<id:campaign_id>/resume", campaigns.ResumeCampaignView.as_view()),
    path("v2.1/campaigns/<id:campaign_id>/cancel", campaigns.CancelCampaignView.as_view()),
    path("v2.1/automations", automations.AutomationsView.as_view()),
    path("v2.1/automations/<id:automation_id>", automations.OneAutomationView.as_view()),
    path("v2.1/automations/<id:automation_id>/report", automations.AutomationReportView.as_view()),
    path("v2.1/automations/<id:automation_id>/start", automations.StartAutomationView.as_view()),
    path("v2.1/automations/<id:automation_id>/pause", automations.PauseAutomationView.as_view()),
    path("v2.1/automations/<id:automation_id>/resume", automations.ResumeAutomationView.as_view()),
    path("v2.1/automations/<id:automation_id>/end", automations.EndAutomationView.as_view()),
    path("v2.1/automations/<id:automation_id>/enter", automations.EnterAutomationView.as_view()),
    path("v2.1/dispatches/<id:dispatch_id>", dispatches.DispatchView.as_view()),
    path("v2.1/dispatches/<id:dispatch_id>/deliveries.csv", dispatches.DeliveriesView.as_view()),
    path("v2.1/webhooks", webhooks.WebhooksView.as_view()),
    path("v2.1/webhooks/<id:webhook_id>", webhooks.OneWebhookView.as_view()),
    path("v2.1/webhooks/<id:webhook_id>/replay", webhooks.ReplayWebhookView.as_view()),
    path("v2.1/webhooks/<id:webhook_id>/test", webhooks.TryWebhookView.as_view()),
    path("v2.1/callbacks/sms/<slug:provider>", callbacks.sms),
    path("v2.1/schema", documents.schema),
    path("v2.1/docs", documents.docs),
    path("v2.1/docs/errors", documents.errors),
    path("v2.1/docs/samples", documents.samples),
    path("c/<str:signed>", clicks.click),
    path("preferences/<str:signed>", preferences.preferences),
    path("pair/<str:code>", pairing.pair, name="pair"),
    path("metrics", metrics.metrics),
]
