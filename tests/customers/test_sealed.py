"""Contacts at rest: sealed in the rows, plain in the hands of who reads them; rows of before are taken along."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.backends.signals import connection_created
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import App
from apps.core.sealing import BrokenSeal, is_sealed
from apps.customers import sealed
from apps.customers.contact_search import AT_ONCE
from apps.customers.fields import NotSealed
from apps.customers.models import ContactKey, Customer
from apps.customers.queries import fact_reader, facts, found_people, person_named
from apps.customers.sealed import EMAIL, PHONE, forget_keys, forms_of, seal, unseal
from apps.customers.services.contact_sealing import seal_open_contacts, sealed_tables
from apps.customers.services.profiles import CustomerDraft, upsert_customers
from tests.core.test_reencryption import UseKeys, keys  # noqa: F401
from tests.factories import NOW, make_app, make_customer, make_user

pytestmark = pytest.mark.django_db
NUMBER, ADDRESS = "+48500600700", "anna@example.com"


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def of_before(app: App) -> Customer:
    """A row as the version before wrote it."""
    person = make_customer(app, external_id="anna")
    with connection.cursor() as cursor:
        cursor.execute(
            "update customers_customer set phone = %s, email = %s where id = %s",
            [NUMBER, "Anna@example.com", person.pk],
        )
    return person


def kept() -> list[tuple[str, str]]:
    """Phone and e-mail as they lie in the rows."""
    with connection.cursor() as cursor:
        cursor.execute("select phone, email from customers_customer order by id")
        return cursor.fetchall()


def test_equal_contacts_are_equal_in_an_app_and_nowhere_else(app: App) -> None:
    for one in (app, app, make_app()):
        make_customer(one, phone=NUMBER, email=ADDRESS)
    first, second, foreign = kept()
    assert first == second
    assert all(map(is_sealed, first))
    assert not set(first) & set(foreign)
    assert {one.phone for one in Customer.objects.all()} == {NUMBER}


def test_a_plain_contact_is_neither_stored_nor_asked_for(app: App) -> None:
    make_customer(app, phone=NUMBER)
    assert Customer.objects.filter(phone__in=forms_of(app.pk, PHONE, NUMBER)).exists()
    with pytest.raises(NotSealed):
        Customer.objects.filter(phone=NUMBER)
    with pytest.raises(NotSealed):
        Customer.objects.update(phone=NUMBER)


def test_what_is_unchanged_costs_no_write(app: App) -> None:
    drafts = [CustomerDraft("anna", email=ADDRESS, phone=NUMBER)]
    said = [upsert_customers(app=app, drafts=drafts, now=NOW)[0].status for _twice in range(2)]
    assert said == ["created", "unchanged"]


def test_a_row_of_before_is_read_and_found(app: App, of_before: Customer) -> None:
    person = Customer.objects.get(pk=of_before.pk)
    assert (person.phone, person.email) == (NUMBER, "Anna@example.com")
    people = Customer.objects.all()
    for words in ("500 600 700", "Anna@example.com", "anna@EXAMPLE.com"):
        assert list(found_people(people, words, apps=[app])) == [person]


def test_what_no_row_can_hold_finds_nobody(app: App) -> None:
    assert [person_named(app=app, external_id="a\0b"), *found_people(Customer.objects.all(), "a\0b", apps=[app])] == [
        None
    ]


def test_a_search_in_many_apps_seals_by_parts(app: App) -> None:
    people = [make_customer(one, phone=NUMBER) for one in (app, *(make_app() for _ in range(AT_ONCE)))]
    theirs = [person.app for person in people]
    found = found_people(Customer.objects.all(), NUMBER, apps=theirs[1:])
    assert set(found) == set(people[1:])
    assert set(found_people(Customer.objects.all(), NUMBER, apps=theirs)) == set(people)
    forget_keys()
    with CaptureQueriesContext(connection) as queries:
        list(found_people(Customer.objects.all(), NUMBER, apps=theirs))
    assert len(queries) == 5  # two a part: keys and people; then the page


def test_the_tick_seals_it_once(app: App, of_before: Customer) -> None:
    assert (seal_open_contacts(seconds=60), seal_open_contacts(seconds=60)) == (2, 0)
    assert kept() == [(seal(app.pk, PHONE, NUMBER), seal(app.pk, EMAIL, ADDRESS))]
    of_before.refresh_from_db()
    assert (of_before.phone, of_before.email) == (NUMBER, ADDRESS)


def test_the_tick_knows_every_table() -> None:
    assert {table.model._meta.label for table in sealed_tables()} == {
        "customers.Customer",
        "sms_booster.SmsMessage",
        "sms_booster.SmsReply",
    }


def test_only_a_text_that_reads_the_address_opens_it(app: App) -> None:
    columns = ["anna", "Anna", "", seal(app.pk, EMAIL, ADDRESS), "", "", ""]
    assert fact_reader({"email", "first_name"})(columns, "{}") == {"email": ADDRESS, "first_name": "Anna"}
    assert facts(columns, {})["email"] == ADDRESS
    columns[3] = "".join([columns[3][:-4], "0000"])
    assert fact_reader({"first_name"})(columns, "{}") == {"first_name": "Anna"}
    with pytest.raises(BrokenSeal):
        fact_reader({"email"})(columns, "{}")


def test_a_damaged_contact_costs_no_page_and_is_kept_as_it_is(app: App, client: Client) -> None:
    anna = make_customer(app, external_id="anna", phone=NUMBER, email=ADDRESS)
    with connection.cursor() as cursor:
        cursor.execute("update customers_customer set phone = left(phone, -4) || '0000'")
    damaged = kept()
    client.force_login(make_user(app, role="owner"))
    page = client.get(f"/admin/customers/customer/{anna.pk}/change/")
    assert (page.status_code, "cannot be read" in page.content.decode()) == (200, True)
    assert client.get("/admin/customers/customer/").status_code == 200
    typed = {"first_name": "Anne", "email": ADDRESS, "phone": ""}
    assert client.post(f"/admin/customers/customer/{anna.pk}/edit/", typed).status_code == 302
    read = Customer.objects.get()
    assert (read.first_name, read.phone, read.email) == ("Anne", "", ADDRESS)
    read.save()
    assert kept() == damaged


def test_a_rotation_wraps_the_key_anew_and_touches_no_person(app: App, keys: UseKeys) -> None:  # noqa: F811
    keys("k1")
    make_customer(app, phone=NUMBER)
    before = kept()
    keys("k2", "k1")
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    assert "customers.ContactKey.key: 1 encrypted anew" in out.getvalue()
    keys("k2")
    sealed._by_number.clear()
    assert (kept(), Customer.objects.get().phone) == (before, NUMBER)


@pytest.mark.django_db(transaction=True)
def test_a_key_that_was_taken_back_seals_nothing_more(app: App) -> None:
    with transaction.atomic():
        lost = seal(app.pk, PHONE, NUMBER)
        transaction.set_rollback(True)
    make_customer(app, phone=NUMBER)
    assert kept()[0][0] != lost
    assert kept()[0][0].startswith(f":1p{ContactKey.objects.get().pk}.")


def test_a_new_connection_asks_for_the_keys_again(app: App, django_capture_on_commit_callbacks) -> None:
    """Behind it may stand a database restored to a time before the key was made; what it sealed nobody could open."""
    with django_capture_on_commit_callbacks(execute=True):
        before = seal(app.pk, EMAIL, "ada@example.com")
    ContactKey.objects.all().delete()
    connection_created.send(sender=type(connection), connection=connection)
    after = seal(app.pk, EMAIL, "ada@example.com")
    assert after != before
    assert unseal(after) == "ada@example.com"
