"""The pages of imports: a file up, its columns understood, started, its refused lines mended and back again."""

import csv
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App, AuditEntry
from apps.customers.models import Customer, ImportRun
from apps.customers.queries import refused_by_code
from apps.customers.services.consent import record_consent
from apps.customers.services.disclosure import export_person
from apps.customers.services.erasure import erase
from apps.customers.services.import_files import MOST_BYTES, read_bytes
from apps.customers.services.import_work import continue_imports
from apps.customers.services.wordings import write_wording
from apps.customers.told_lines import told_lines
from tests.core.test_reencryption import UseKeys, keys  # noqa: F401
from tests.factories import NOW, make_app, make_customer, make_segment, make_user

pytestmark = pytest.mark.django_db

LIST = "/admin/customers/importrun/"
TEXT = "Customer ID,Phone,City\na-1,+48500600700,Gdynia\na-2,+4812,=1+1\n"


@pytest.fixture
def app() -> App:
    return make_app()


def client_of(app: App, role: str) -> Client:
    client = Client()
    client.force_login(make_user(app, role=role))
    return client


def send(client: Client, app: App, text: str | bytes, query: str = "") -> Any:
    raw = text.encode() if isinstance(text, str) else text
    file = SimpleUploadedFile("people.csv", raw, "text/csv")
    return client.post(f"{LIST}add/{query}", {"app": app.pk, "file": file})


def columns(*targets: tuple[str, ...]) -> dict[str, str]:
    posted = {}
    for index, (to, *rest) in enumerate(targets):
        posted |= dict(zip((f"to-{index}", f"name-{index}", f"kind-{index}"), (to, *rest), strict=False))
    return posted


CHOSEN = columns(("external_id",), ("phone",), ("trait", "city", "text"))


def test_an_empty_list_says_whether_anything_is_there(app: App) -> None:
    marketer = client_of(app, "marketer")
    assert "No imports yet" in marketer.get(LIST).content.decode()
    assert "Nothing matches" in marketer.get(f"{LIST}?q=nobody").content.decode()


def test_a_line_too_long_for_the_preview_is_not_called_missing(app: App) -> None:
    marketer = client_of(app, "marketer")
    text = f"Customer ID,Note\na-1,{'x' * 70_000}\n"
    page = marketer.get(send(marketer, app, text).url).content.decode()
    assert "The first lines are empty or too long to be shown here." in page
    assert "about 1 line, 2 columns" in page


def test_lines_with_too_few_cells_are_counted_apart(app: App) -> None:
    marketer = client_of(app, "marketer")
    page = marketer.get(send(marketer, app, "Customer ID,City\na-1\na-2,b,c\n").url).content.decode()
    assert "has 1 columns instead of 2: put a delimiter for each empty cell, too" in page
    assert "has 3 columns instead of 2: put quotes" in page


def test_a_file_goes_from_upload_to_result(app: App) -> None:
    marketer = client_of(app, "marketer")
    page = marketer.get(send(marketer, app, TEXT).url).content.decode()
    assert "Customer ID" in page
    assert "Start the import" in page
    run = ImportRun.objects.get()
    preview = marketer.post(f"{LIST}{run.pk}/columns/", CHOSEN).content.decode()
    for told in ("+48500600700", "Gdynia", "New", "Refused", "must be a full phone number"):
        assert told in preview
    assert not Customer.objects.exists()
    marketer.post(f"{LIST}{run.pk}/start/", CHOSEN)
    assert "Storing people" in marketer.get(f"{LIST}{run.pk}/change/").content.decode()
    assert "every 1s" in marketer.get(f"{LIST}{run.pk}/live/").content.decode()
    continue_imports(clock=lambda: NOW, slot_seconds=30)
    over = marketer.get(f"{LIST}{run.pk}/live/")
    assert over["HX-Refresh"] == "true"
    assert "every 1s" not in over.content.decode()
    assert "Why lines were refused" in marketer.get(f"{LIST}{run.pk}/change/").content.decode()
    assert "people.csv" in marketer.get(LIST).content.decode()
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {"importrun.added", "importrun.started"}


def test_refused_lines_come_back_mended(app: App) -> None:
    marketer = client_of(app, "marketer")
    send(marketer, app, TEXT)
    run = ImportRun.objects.get()
    marketer.post(f"{LIST}{run.pk}/start/", CHOSEN)
    continue_imports(clock=lambda: NOW, slot_seconds=30)
    answer = marketer.get(f"{LIST}{run.pk}/refused/")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    header, line = csv.reader(io.StringIO(text))
    assert header == ["Customer ID", "Phone", "City", "import_line", "import_column", "import_code", "import_problem"]
    assert line[:6] == ["a-2", "'+4812", "'=1+1", "3", "Phone", "phone_invalid"]
    send(marketer, app, text.replace("'+4812", "'+48500600701"))
    again = ImportRun.objects.latest("pk")
    marketer.post(f"{LIST}{again.pk}/start/", CHOSEN)
    continue_imports(clock=lambda: NOW, slot_seconds=30)
    mended = Customer.objects.get(external_id="a-2")
    assert (mended.phone, mended.traits) == ("+48500600701", {"city": "=1+1"})


def test_a_line_is_counted_under_each_of_its_faults(app: App) -> None:
    marketer = client_of(app, "marketer")
    send(marketer, app, "Customer ID,Language,Phone\na-1,xx-yy-zz,+4812\na-2,pl,+4812\n")
    run = ImportRun.objects.get()
    marketer.post(f"{LIST}{run.pk}/start/", columns(("external_id",), ("language",), ("phone",)))
    continue_imports(clock=lambda: NOW, slot_seconds=30)
    assert [(one["column"], one["count"]) for one in refused_by_code(run)] == [("Phone", 2), ("Language", 1)]
    assert "counted under each of them" in marketer.get(f"{LIST}{run.pk}/change/").content.decode()


def test_what_was_not_taken_is_told_before_and_after(app: App) -> None:
    anna = make_customer(app, external_id="a-1")
    record_consent(
        customer_ids=[anna.pk], channel="push", topic="news", granted=False, source="preference_page", now=NOW
    )
    marketer = client_of(app, "marketer")
    send(marketer, app, "Customer ID,Topics\na-1,news\na-2,news\n")
    run = ImportRun.objects.get()
    chosen = columns(("external_id",), ("topics",))
    assert "“news” was left by this person" in marketer.post(f"{LIST}{run.pk}/columns/", chosen).content.decode()
    marketer.post(f"{LIST}{run.pk}/start/", chosen)
    continue_imports(clock=lambda: NOW, slot_seconds=30)
    page = marketer.get(f"{LIST}{run.pk}/change/").content.decode()
    assert "1 line stored, but not all it says" in page
    assert "Why lines were refused" not in page
    lines = b"".join(marketer.get(f"{LIST}{run.pk}/warned/").streaming_content).decode()  # type: ignore[attr-defined]
    assert lines.count("\r\n") == 2
    assert "a-1,news,2,Topics,opt_out_kept," in lines


def test_only_those_who_may_see_and_do(app: App) -> None:
    marketer, analyst = client_of(app, "marketer"), client_of(app, "analyst")
    stranger = client_of(make_app(), "marketer")
    send(marketer, app, TEXT)
    run = ImportRun.objects.get()
    page = analyst.get(f"{LIST}{run.pk}/change/").content.decode()
    assert "+48500600700" not in page
    assert send(analyst, app, TEXT).status_code == 403
    for name in ("columns", "reread", "start", "cancel"):
        assert analyst.post(f"{LIST}{run.pk}/{name}/").status_code == 403
        assert stranger.post(f"{LIST}{run.pk}/{name}/").status_code == 404
        assert marketer.get(f"{LIST}{run.pk}/{name}/").status_code == 405
    assert analyst.get(f"{LIST}{run.pk}/refused/").status_code == 403
    assert stranger.get(f"{LIST}{run.pk}/change/").status_code == 404
    assert "choice" in send(stranger, app, TEXT).content.decode()
    assert ImportRun.objects.count() == 1


def test_a_file_that_cannot_be_read_is_named_on_the_page(app: App) -> None:
    marketer = client_of(app, "marketer")
    answer = send(marketer, app, b"PK\x03\x04[Content_Types].xml")
    assert answer.status_code == 415
    assert "Excel workbook" in answer.content.decode()
    assert "Choose a file" in marketer.post(f"{LIST}add/", {"app": app.pk}).content.decode()


def test_a_file_that_is_too_large_is_refused_unread(app: App) -> None:
    marketer = client_of(app, "marketer")
    answer = marketer.generic("POST", f"{LIST}add/", b"", CONTENT_LENGTH=str(MOST_BYTES + 1_000_000))
    assert answer.status_code == 413
    assert "500 MB" in answer.content.decode()


def test_a_file_too_large_for_memory_comes_in_whole(app: App) -> None:
    text = "id,first_name\n" + "".join(f"p-{number:08},Ann\n" for number in range(200_000))
    send(client_of(app, "marketer"), app, text)
    run = ImportRun.objects.get()
    assert read_bytes(run, 0, run.size_bytes + 1) == text.encode()


def test_an_upload_needs_the_forms_token(app: App) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(make_user(app, role="marketer"))
    assert send(careful, app, TEXT).status_code == 403


def test_what_stands_against_a_start_is_said(app: App) -> None:
    marketer = client_of(app, "marketer")
    send(marketer, app, "name,mail\nAnn,a@example.com\n")
    run = ImportRun.objects.get()
    preview = marketer.post(f"{LIST}{run.pk}/columns/", columns(("email",), ("email",))).content.decode()
    assert "is read into the same already" in preview
    assert "holds each person" in preview
    answer = marketer.post(f"{LIST}{run.pk}/start/", columns(("first_name",), ("email",)), follow=True)
    assert "Not started" in answer.content.decode()
    junk = {"to-0": "nonsense", "kind-1": "x", "to-1": "trait", "destination": "list:x", "wording": "\0" * 900}
    assert marketer.post(f"{LIST}{run.pk}/columns/", junk).status_code == 200


def test_detection_can_be_corrected(app: App) -> None:
    marketer = client_of(app, "marketer")
    send(marketer, app, "id;city\na;Łódź\n".encode("cp1250"))
    run = ImportRun.objects.get()
    marketer.post(f"{LIST}{run.pk}/reread/", {"encoding": "cp1252", "delimiter": ","})
    run.refresh_from_db()
    assert (run.encoding, run.header) == ("cp1252", ["id;city"])
    marketer.post(f"{LIST}{run.pk}/reread/", {"encoding": "rot13", "delimiter": "x"})
    run.refresh_from_db()
    assert run.encoding == "cp1252"


def test_a_list_is_chosen_where_the_upload_began(app: App) -> None:
    marketer, segment = client_of(app, "marketer"), make_segment(app, name="Fans")
    assert f"?to=list:{segment.pk}" in marketer.get(f"/admin/segments/segment/{segment.pk}/change/").content.decode()
    page = marketer.get(send(marketer, app, TEXT, f"?to=list:{segment.pk}").url).content.decode()
    assert "selected>Fans" in page


def test_an_import_is_stopped_for_good(app: App) -> None:
    marketer = client_of(app, "marketer")
    send(marketer, app, TEXT)
    run = ImportRun.objects.get()
    for _ in range(2):
        assert marketer.post(f"{LIST}{run.pk}/cancel/").status_code == 302
    run.refresh_from_db()
    assert (run.state, run.parts.count()) == ("cancelled", 0)


def test_an_import_thrown_away_says_how_far_it_came(app: App) -> None:
    marketer = client_of(app, "marketer")
    send(marketer, app, TEXT)
    run = ImportRun.objects.get()
    ImportRun.objects.update(state="running", started_at=NOW, stored_count=1_200, refused_count=34, total_count=5_000)
    marketer.post(f"{LIST}{run.pk}/cancel/")
    assert "after 1,234 of about 5,000 lines" in marketer.get(f"{LIST}{run.pk}/change/").content.decode()
    page = marketer.post(f"{LIST}{run.pk}/cancel/", follow=True).content.decode()
    assert "Nothing was done: in the meantime this import is “Stopped”." in page
    ImportRun.objects.update(started_at=None)
    assert "thrown away before it began" in marketer.get(f"{LIST}{run.pk}/change/").content.decode()


def test_erasing_takes_refused_lines_along(app: App) -> None:
    marketer = client_of(app, "marketer")
    send(marketer, app, "id,email,phone\nanna,x,\nbob,y,\n,z,500 600 700\n")
    run = ImportRun.objects.get()
    marketer.post(f"{LIST}{run.pk}/start/", columns(("external_id",), ("email",), ("phone",)))
    continue_imports(clock=lambda: NOW, slot_seconds=30)
    erase(customer=make_customer(app, external_id="anna", phone="+48500600700"), actor="test", now=NOW)
    assert [one.cells[0] for one in told_lines(run)] == ["bob"]


def test_a_file_whose_key_is_gone_costs_no_page(app: App, keys: UseKeys) -> None:  # noqa: F811
    keys("k1")
    marketer = client_of(app, "marketer")
    for _twice in range(2):
        send(marketer, app, "id,email\nanna,x\n")
    through, waiting = ImportRun.objects.order_by("pk")
    marketer.post(f"{LIST}{through.pk}/start/", columns(("external_id",), ("email",)))
    continue_imports(clock=lambda: NOW, slot_seconds=30)
    keys("k2")
    assert marketer.get(f"{LIST}{through.pk}/change/").status_code == 200
    answer = marketer.get(f"{LIST}{waiting.pk}/change/", follow=True)
    assert (answer.redirect_chain[0][0], "upload it again" in answer.content.decode()) == (LIST, True)


def test_a_yes_without_words_is_told_before_and_after(app: App) -> None:
    marketer = client_of(app, "marketer")
    send(marketer, app, "id,push\na-1,yes\n")
    run = ImportRun.objects.get()
    page = f"{LIST}{run.pk}/"
    chosen = columns(("external_id",), ("push",))
    told = "will be recorded as given by this file, without the words people saw"
    assert told in marketer.post(f"{page}columns/", chosen).content.decode()
    assert told not in marketer.post(f"{page}columns/", {**chosen, "wording": "Yes to pushes"}).content.decode()
    marketer.post(f"{page}start/", chosen)
    continue_imports(clock=lambda: NOW, slot_seconds=60)
    assert "was recorded as given by this file" in marketer.get(f"{page}change/").content.decode()
    assert AuditEntry.objects.get(action="importrun.started").details["consent_without_wording"] == ["push"]
    person = Customer.objects.get(external_id="a-1")
    answers = marketer.get(f"/admin/customers/customer/{person.pk}/change/").content.decode()
    assert "The file did not say which words they saw." in answers


def test_words_found_later_stand_beside_each_yes_with_who_added_them(app: App) -> None:
    marketer = client_of(app, "marketer")
    send(marketer, app, "id,push\na-1,yes\na-2,no\n")
    page = f"{LIST}{ImportRun.objects.get().pk}/"
    assert "Not written down" in marketer.post(f"{page}words/", {"wording": "Too early"}, follow=True).content.decode()
    marketer.post(f"{page}start/", columns(("external_id",), ("push",)))
    continue_imports(clock=timezone.now, slot_seconds=60)
    assert "Add the words they saw" in marketer.get(f"{page}change/").content.decode()
    assert "must not be empty" in marketer.post(f"{page}words/", {"wording": " "}, follow=True).content.decode()
    marketer.post(f"{page}words/", {"wording": "Yes to pushes, on paper"})
    assert "they were added later" in marketer.get(f"{page}change/").content.decode()
    people = [Customer.objects.get(external_id=name) for name in ("a-1", "a-2")]
    told = [export_person(customer=one, actor="test", now=NOW)["consents"][0] for one in people]
    assert [one.get("wording_added") for one in told] == ["Yes to pushes, on paper", None]
    assert told[0]["wording"] == ""
    shown = marketer.get(f"/admin/customers/customer/{people[0].pk}/change/").content.decode()
    assert "Yes to pushes, on paper" in shown
    assert f"{AuditEntry.objects.get(action='importrun.worded').actor} added these later" in shown


def test_the_words_of_the_app_can_be_taken(app: App) -> None:
    write_wording(app=app, subject="push", text="Offers, twice a week", author="anna", now=NOW)
    marketer = client_of(app, "marketer")
    send(marketer, app, "id,push\na-1,yes\n")
    run = ImportRun.objects.get()
    chosen = {**columns(("external_id",), ("push",)), "known": "push"}
    shown = marketer.post(f"{LIST}{run.pk}/columns/", chosen).content.decode()
    assert "Offers, twice a week</textarea>" in shown
    assert "without the words people saw" not in shown
    marketer.post(f"{LIST}{run.pk}/start/", {**chosen, "known": "", "wording": "Offers, twice a week"})
    continue_imports(clock=lambda: NOW, slot_seconds=60)
    answer = Customer.objects.get().consents.get()
    assert (answer.wording, answer.wording_version) == ("Offers, twice a week", 1)


def test_the_result_names_the_columns_that_were_not_read(app: App) -> None:
    marketer = client_of(app, "marketer")
    send(marketer, app, "Customer ID,Shoe size,City,\na-1,38,Gdynia,x\n")
    run = ImportRun.objects.get()
    marketer.post(f"{LIST}{run.pk}/start/", columns(("external_id",), ("",), ("trait", "city", "text"), ("",)))
    continue_imports(clock=lambda: NOW, slot_seconds=30)
    page = marketer.get(f"{LIST}{run.pk}/change/").content.decode()
    assert "2 columns were not read" in page
    assert "Shoe size, Column 4" in page
