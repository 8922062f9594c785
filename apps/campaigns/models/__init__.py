"""What we want to say, to whom, when."""

from apps.campaigns.models.approvals import Approval
from apps.campaigns.models.automations import (
    Automation,
    AutomationRun,
    AutomationSend,
    AutomationStep,
)
from apps.campaigns.models.campaigns import (
    Campaign,
    MessageTemplate,
    Occurrence,
    Variant,
    all_platforms,
    only_monday,
)
from apps.campaigns.models.faults import AutomationFault, Fault, LaunchFault
from apps.campaigns.models.triggers import SegmentTrigger

__all__ = [
    "Approval",
    "Automation",
    "AutomationFault",
    "AutomationRun",
    "AutomationSend",
    "AutomationStep",
    "Campaign",
    "Fault",
    "LaunchFault",
    "MessageTemplate",
    "Occurrence",
    "SegmentTrigger",
    "Variant",
    "all_platforms",
    "only_monday",
]
