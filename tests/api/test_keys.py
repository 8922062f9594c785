"""Keys: made once, with the scopes of their kind, on the command line or in the admin."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import AuditEntry
from apps.api.models import ApiKey
from apps.api.services.keys import UnknownKey, caller_of, create_api_key, forget_trusted
from apps.core.problems import InvalidInput
from tests.factories import NOW, make_app, make_user
from tests.factories.api import make_key

pytestmark = pytest.mark.django_db


def command(*words):
    out = StringIO()
    call_command("create_api_key", *words, stdout=out, stderr=StringIO())
    return out.getvalue().splitlines()


@pytest.mark.parametrize(("switch", "kind"), [((), "live"), (("--test",), "test"), (("--publishable",), "pub")])
def test_the_command_prints_a_working_key_on_its_last_line(app, switch, kind):
    scopes = ("--scopes", "events:write, devices:write")
    secret = command("--app", "shop", *scopes, *switch)[-1]
    caller = caller_of(secret=secret, now=timezone.now())
    assert secret.startswith(f"hg_{kind}_")
    assert (caller.app, caller.kind, caller.scopes) == (app, kind, {"events:write", "devices:write"})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--app", "shopp", "--scopes", "push:send"), "known: shop"),
        (("--app", "shop", "--scopes", "push:sent"), "Did you mean push:send"),
        (("--app", "shop", "--scopes", "pushes, everything"), "Those are: "),
        (("--app", "shop", "--scopes", ""), "at least one scope"),
        (("--app", "shop", "--scopes", "push:send", "--publishable"), "public code"),
    ],
)
def test_the_command_says_what_is_wrong(app, words, message):
    with pytest.raises(CommandError, match=message):
        command(*words)


def test_a_key_of_a_kind_cannot_have_more_than_the_kind(app):
    with pytest.raises(InvalidInput):
        create_api_key(app=app, kind="pub", scopes=["erase"], name="x", now=NOW)


def test_a_key_with_one_character_changed_is_unknown(app):
    key = make_key(app)
    with pytest.raises(UnknownKey):
        caller_of(secret=key[:-1] + ("A" if key[-1] != "A" else "B"), now=timezone.now())


@pytest.fixture
def developer(app, client):
    user = make_user(app, role="developer")
    client.force_login(user)
    return user


def test_the_admin_shows_a_new_key_once(developer, client, app):
    fields = {"app": app.pk, "kind": "live", "name": "backend", "scopes": ["push:send"]}
    page = client.post(reverse("admin:api_apikey_add"), fields, follow=True).content.decode()
    row = ApiKey.objects.get()
    secret = page[page.index(row.prefix) :][: len("hg_live_") + 43]
    assert caller_of(secret=secret, now=timezone.now()).key_id == row.pk
    assert secret not in client.get(reverse("admin:api_apikey_changelist")).content.decode()
    assert AuditEntry.objects.get(action="apikey.added").actor == developer.username


def test_the_admin_asks_for_scopes(developer, client, app):
    fields = {"app": app.pk, "kind": "live", "name": "backend"}
    assert "Tick at least one" in client.post(reverse("admin:api_apikey_add"), fields).content.decode()


def test_the_admin_revokes(developer, client, app):
    secret = make_key(app)
    fields = {"action": "revoke", "_selected_action": [ApiKey.objects.get().pk]}
    client.post(reverse("admin:api_apikey_changelist"), fields)
    forget_trusted()
    with pytest.raises(UnknownKey):
        caller_of(secret=secret, now=timezone.now())
    assert AuditEntry.objects.filter(action="apikey.revoked").exists()


def test_keys_of_a_foreign_app_are_not_there(developer, client):
    make_key(make_app())
    foreign = ApiKey.objects.get()
    assert foreign.prefix not in client.get(reverse("admin:api_apikey_changelist")).content.decode()
    assert client.get(reverse("admin:api_apikey_change", args=[foreign.pk])).status_code == 404
