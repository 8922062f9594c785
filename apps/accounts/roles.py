"""The five roles: who may do what. A role is a Django group; this table is its only source.

`services.sync_roles` copies the table into the groups after every migrate, so a permission taken out here is gone
from the group at the next deployment. Where a user may do it is another question: see Membership.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_ALL = "view add change delete"
_EDIT = "view add change"
_VIEW = "view"

_ENGINE_ROWS: Mapping[str, str] = {
    "deliveries.dispatch": _VIEW,
    "deliveries.content": _VIEW,
    "deliveries.batch": _VIEW,
    "deliveries.retry": _VIEW,
    "deliveries.delivery": _VIEW,
    "deliveries.receipt": _VIEW,
    "deliveries.criticalalert": _VIEW,
    "deliveries.personalfacts": _VIEW,
    "deliveries.dispatchcount": _VIEW,
    "deliveries.hourcount": _VIEW,
    "sms_booster.fallback": _VIEW,
    "sms_booster.smsmessage": _VIEW,
    "sms_booster.smsreply": _VIEW,
    "sms_booster.smstrial": _VIEW,
}
_PEOPLE_TO_READ: Mapping[str, str] = {
    "accounts.app": _VIEW,
    "customers.customer": _VIEW,
    "customers.consent": _VIEW,
    "customers.topic": _VIEW,
    "customers.wording": _VIEW,
    "customers.consentday": _VIEW,
    "customers.event": _VIEW,
    "customers.importrun": _VIEW,
    "customers.traittype": _VIEW,
    "customers.eventtype": _VIEW,
    "devices.device": _VIEW,
    "devices.deviceday": _VIEW,
    "devices.paireddevice": _VIEW,
    "segments.segment": _VIEW,
    "segments.segmentmember": _VIEW,
    "segments.segmentrefresh": _VIEW,
}
_CAMPAIGNS_TO_READ: Mapping[str, str] = {
    "campaigns.approval": _VIEW,
    "campaigns.automation": _VIEW,
    "campaigns.automationfault": _VIEW,
    "campaigns.automationrun": _VIEW,
    "campaigns.automationsend": _VIEW,
    "campaigns.automationstep": _VIEW,
    "campaigns.campaign": _VIEW,
    "campaigns.launchfault": _VIEW,
    "campaigns.messagetemplate": _VIEW,
    "campaigns.occurrence": _VIEW,
    "campaigns.segmenttrigger": _VIEW,
    "campaigns.variant": _VIEW,
    "sms_booster.boostrule": _VIEW,
    "sms_booster.trialnumber": _VIEW,
}
_TO_READ: Mapping[str, str] = {**_PEOPLE_TO_READ, **_CAMPAIGNS_TO_READ, **_ENGINE_ROWS}
_AUDIENCES: Mapping[str, str] = {
    "customers.customer": f"{_EDIT} reveal",
    "customers.consent": "view add",
    "customers.topic": _ALL,
    "customers.wording": "view add",
    "customers.importrun": "view add",
    "segments.segment": _ALL,
    "segments.segmentmember": _ALL,
    "devices.channel": _VIEW,
}
_CAMPAIGNS: Mapping[str, str] = {
    "campaigns.automationstep": _ALL,
    "campaigns.messagetemplate": _ALL,
    "campaigns.variant": _ALL,
    "devices.paireddevice": _ALL,
    "sms_booster.boostrule": _ALL,
    "sms_booster.trialnumber": _ALL,
}
_WEBHOOKS: Mapping[str, str] = {
    "api.webhookendpoint": _ALL,
    "api.webhookmessage": _VIEW,
    "api.webhookattempt": _VIEW,
    "api.webhookreplay": _VIEW,
}


@dataclass(frozen=True, slots=True)
class Role:
    """grants: {"app_label.model": "verb verb ..."}; a verb is the first word of a permission's codename."""

    name: str
    meaning: str
    grants: Mapping[str, str]

    def codenames(self, app_label: str) -> set[str]:
        """The permissions this role has over one app's models."""
        return {
            f"{verb}_{label.split('.')[1]}"
            for label, verbs in self.grants.items()
            if label.split(".")[0] == app_label
            for verb in verbs.split()
        }


ROLES: Mapping[str, Role] = {
    role.name: role
    for role in (
        Role(
            "owner",
            "runs the app: its people, its keys, its settings, and all that the others may",
            {
                **_TO_READ,
                **_AUDIENCES,
                **_CAMPAIGNS,
                "accounts.app": _EDIT,
                "accounts.user": _EDIT,
                "accounts.membership": _ALL,
                "accounts.auditentry": _VIEW,
                "api.apikey": _ALL,
                "api.identitycheck": _EDIT,
                "api.identitykey": _ALL,
                "campaigns.automation": f"{_ALL} launch",
                **_WEBHOOKS,
                "campaigns.campaign": f"{_ALL} launch approve try",
                "customers.customer": f"{_ALL} reveal",
                "deliveries.sendingstop": "view change",
                "devices.channel": _ALL,
                "devices.device": "view change delete",
            },
        ),
        Role(
            "marketer",
            "composes, targets, tests and launches campaigns",
            {
                **_TO_READ,
                **_AUDIENCES,
                **_CAMPAIGNS,
                "campaigns.automation": f"{_ALL} launch",
                "campaigns.campaign": f"{_ALL} launch try",
            },
        ),
        Role(
            "approver",
            "reads all of a campaign and says yes or no",
            {
                **_TO_READ,
                "accounts.auditentry": _VIEW,
                "campaigns.automation": "view launch",
                "campaigns.campaign": "view launch approve try",
            },
        ),
        Role(
            "developer",
            "connects gateways, keys and devices; follows deliveries; no audiences",
            {
                **_TO_READ,
                "accounts.auditentry": _VIEW,
                "api.apikey": _ALL,
                "api.identitycheck": _EDIT,
                "api.identitykey": _ALL,
                **_WEBHOOKS,
                "devices.channel": _EDIT,
                "devices.device": "view change",
                "devices.paireddevice": _ALL,
            },
        ),
        Role("analyst", "reads reports and exports them", _TO_READ),
    )
}
