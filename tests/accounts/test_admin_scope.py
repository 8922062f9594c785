"""AppScopedAdmin: what any admin page built on it shows, offers and refuses."""

import pytest
from django.contrib.admin import AdminSite
from django.forms import HiddenInput
from django.http import Http404
from django.test import RequestFactory

from apps.accounts.admin_scope import AppFilter, AppScopedAdmin, app_of, scoped
from apps.campaigns.models import Campaign, Variant
from apps.segments.models import Segment
from tests.factories import make_app, make_segment, make_user

pytestmark = pytest.mark.django_db


class CampaignPages(AppScopedAdmin):
    fields = ["app", "name", "include_segments"]
    list_filter = ["app", "state"]


class VariantPages(AppScopedAdmin):
    app_lookup = "campaign__app"


@pytest.fixture
def pages():
    return CampaignPages(Campaign, AdminSite())


def request_of(user):
    request = RequestFactory().get("/")
    request.user = user
    return request


def submitted(pages, request, obj=None, **fields):
    return pages.get_form(request, obj, change=obj is not None)(fields, instance=obj)


def test_rows_below_the_app_are_scoped_along_the_look_up():
    mine, theirs = make_app(), make_app()
    for app in (mine, theirs):
        Variant.objects.create(campaign=Campaign.objects.create(app=app, name="x"))
    seen = VariantPages(Variant, AdminSite()).get_queryset(request_of(make_user(mine, role="marketer")))
    assert [variant.campaign.app for variant in seen] == [mine]


def test_choices_are_of_the_users_apps_only(pages):
    mine, theirs = make_app(), make_app()
    own, foreign = make_segment(mine), make_segment(theirs)
    form = submitted(
        pages,
        request_of(make_user(mine, role="marketer")),
        app=mine.pk,
        name="x",
        include_segments=[own.pk, foreign.pk],
    )
    assert "include_segments" in form.errors


def test_choices_are_of_the_objects_app_once_there_is_one(pages):
    first, second = make_app(), make_app()
    campaign = Campaign.objects.create(app=first, name="x")
    own, other = make_segment(first), make_segment(second)
    request = request_of(make_user(first, second, role="marketer"))
    offered = pages.get_form(request, campaign, change=True).base_fields["include_segments"].queryset
    assert own in offered
    assert other not in offered


def test_a_new_row_may_not_mix_two_apps_of_the_same_person(pages):
    first, second = make_app(), make_app()
    request = request_of(make_user(first, second, role="marketer"))
    form = submitted(pages, request, app=first.pk, name="x", include_segments=[make_segment(second).pk])
    assert "belongs to another app" in str(form.errors["include_segments"])


def test_the_app_is_prefilled_and_hidden_for_who_works_in_one(pages):
    app = make_app()
    make_app()
    field = pages.get_form(request_of(make_user(app))).base_fields["app"]
    assert field.initial == app.pk
    assert isinstance(field.widget.widget, HiddenInput)


def test_the_app_of_a_row_never_changes(pages):
    app = make_app()
    campaign = Campaign.objects.create(app=app, name="x")
    assert "app" in pages.get_readonly_fields(request_of(make_user(app)), campaign)


def test_the_app_filter_offers_the_own_apps(pages):
    first, second, _third = make_app(), make_app(), make_app()
    request = request_of(make_user(first, second, role="marketer"))
    assert AppFilter in pages.get_list_filter(request)
    offered = AppFilter(request, {}, Campaign, pages).lookup_choices
    assert {slug for slug, _name in offered} == {first.slug, second.slug}


def test_a_missing_id_is_404_not_a_redirect(pages):
    with pytest.raises(Http404):
        pages._get_obj_does_not_exist_redirect(request_of(make_user()), Campaign._meta, "7")


def test_scoped_leaves_nothing_to_who_works_nowhere():
    make_segment(make_app())
    assert not scoped(Segment.objects.all(), request_of(make_user()))


def test_the_app_of_an_unsaved_row_is_none():
    assert app_of(Variant()) is None
