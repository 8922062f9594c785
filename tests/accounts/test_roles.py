"""Roles: five groups whose permissions are the table's, after every migrate."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from apps.accounts.roles import ROLES
from tests.factories import make_app, make_user

pytestmark = pytest.mark.django_db


def test_migrate_makes_the_five_roles():
    assert set(Group.objects.values_list("name", flat=True)) == {
        "owner",
        "marketer",
        "approver",
        "developer",
        "analyst",
    }


def test_a_permission_taken_by_hand_comes_back_and_one_given_goes():
    analyst = Group.objects.get(name="analyst")
    analyst.permissions.add(Permission.objects.get(codename="delete_customer"))
    analyst.permissions.remove(Permission.objects.get(codename="view_customer"))
    call_command("migrate", verbosity=0)
    held = set(analyst.permissions.values_list("codename", flat=True))
    assert "view_customer" in held
    assert "delete_customer" not in held


def test_owner_may_view_every_table_a_person_can_make_sense_of():
    plumbing = {
        "accounts.failedlogin",
        "accounts.secondfactor",
        "deliveries.ledgerpage",
        "deliveries.pacebucket",
        "deliveries.habitsrun",
        "deliveries.meter",
        "deliveries.openinghour",
        "customers.eventarrival",
        "customers.eventwatch",
        "devices.channelgauge",
        "customers.tombstonekey",
        "customers.contactkey",
        "customers.sealingstart",
        "customers.importline",
        "customers.importpart",
        "customers.importwording",
        "api.idempotencyrecord",
        "api.identityday",
    }
    ours = {model._meta.label_lower for model in apps.get_models() if model.__module__.startswith("apps.")}
    assert {label for label in ours if "view" in ROLES["owner"].grants.get(label, "")} == ours - plumbing


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("owner", "accounts.change_user", "accounts.delete_app"),
        ("marketer", "campaigns.launch_campaign", "campaigns.approve_campaign"),
        ("marketer", "segments.add_segment", "api.view_apikey"),
        ("approver", "campaigns.approve_campaign", "campaigns.change_campaign"),
        ("developer", "api.add_apikey", "segments.change_segment"),
        ("analyst", "campaigns.view_campaign", "customers.change_customer"),
    ],
)
def test_a_role_may_what_it_is_for_and_no_more(role, may, may_not):
    user = make_user(make_app(), role=role)
    assert user.has_perm(may)
    assert not user.has_perm(may_not)
