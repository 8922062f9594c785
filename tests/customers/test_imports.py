"""A file becomes people: stored once, by the rules of calls, whatever happens to the workers on the way."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

import pytest
from django.db import connection, transaction

from apps.accounts.models import App, AuditEntry
from apps.core.problems import InvalidInput
from apps.customers.models import Consent, Customer, ImportLine, ImportPart, ImportRun, TraitType
from apps.customers.services.consent import record_consent
from apps.customers.services.erasure import erase
from apps.customers.services.import_columns import Column, RecordReader, guess_columns
from apps.customers.services.import_files import PART_BYTES, read_bytes, store_upload
from apps.customers.services.import_work import KEY_MISSING_FOR, LEASE, continue_imports
from apps.customers.services.imports import cancel, choose, columns_of, forget_old, preview, reading_of, start
from apps.customers.services.merging import merge_customers
from apps.customers.services.profiles import CustomerDraft, upsert_customers
from apps.customers.told_lines import told_lines
from apps.segments.models import SegmentMember
from tests.core.test_reencryption import UseKeys, keys  # noqa: F401
from tests.factories import NOW, make_app, make_customer, make_segment, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


def upload(app: App, raw: bytes | str, *, piece: int = 64_000) -> ImportRun:
    raw = raw.encode() if isinstance(raw, str) else raw
    pieces = (raw[place : place + piece] for place in range(0, len(raw), piece))
    return store_upload(app=app, pieces=pieces, file_name="people.csv", created_by="ada", now=NOW)


def run_through(run: ImportRun, *, columns: Sequence[Column] | None = None, **chosen: Any) -> ImportRun:
    settled = {"wording": "", "empties_clear": False, "destination": "", **chosen}
    assert choose(run=run, columns=columns or columns_of(run), **settled) == []
    start(run=run, actor=make_user(run.app), now=NOW)
    assert continue_imports(clock=lambda: NOW, slot_seconds=60) is False
    run.refresh_from_db()
    return run


def refused(run: ImportRun) -> list[tuple[int, list[str]]]:
    lines = ImportLine.objects.filter(run=run).order_by("line")
    return [(one.line, [problem["code"] for problem in one.problems]) for one in lines]


def test_good_lines_are_stored_and_each_bad_one_is_kept_with_its_reason(app: App) -> None:
    run = run_through(
        upload(
            app,
            "\ufeffCustomer ID;E-mail;Phone;First name;notes\r\n"
            "a-1;anna@Example.com;500 600 700;Anna;x\r\n"
            "a-2;no address;12;Bob;x\r\n"
            ";c@example.com;;Cid;x\r\n"
            "a-4;d@example.com;;Dan\r\n"
            'a-5;e@example.com;;"Eve\r\n'
            "a-6;;;Fay;\r\n",
        )
    )
    assert (run.state, run.stored_count, run.refused_count, run.created_count) == ("done", 2, 4, 2)
    anna = Customer.objects.get(app=app, external_id="a-1")
    assert (anna.email, anna.phone, anna.first_name) == ("anna@example.com", "+48500600700", "Anna")
    assert refused(run) == [
        (3, ["email_invalid", "phone_invalid"]),
        (4, ["required"]),
        (5, ["columns_missing"]),
        (6, ["quotes"]),
    ]
    first = next(told_lines(run))
    assert (first.line, first.cells) == (3, ["a-2", "no address", "12", "Bob", "x"])
    assert (first.problems[0]["column"], first.problems[0]["came"]) == ("E-mail", "no address")
    assert not ImportPart.objects.exists()
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {"importrun.started"}


def test_the_same_file_again_changes_nothing(app: App) -> None:
    text = "id,first_name,points\n" + "".join(f"p-{number},Ann,{number}\n" for number in range(300))
    columns = [Column("external_id"), Column("first_name"), Column("trait", "points", "number")]
    run_through(upload(app, text), columns=columns)
    again = run_through(upload(app, text), columns=columns)
    assert (again.stored_count, again.created_count, again.updated_count) == (300, 0, 0)
    assert Customer.objects.filter(app=app).count() == 300


CELLS: list[dict[str, str]] = [
    {"external_id": "p-1", "email": "Anna@EXAMPLE.com", "phone": "500600700", "language": "pl_PL", "country": "pl"},
    {"external_id": "p-2", "phone": "+1 212 555 0123", "time_zone": "Europe/Warsaw", "topics": "news; offers"},
    {"external_id": "p-3", "email": "x@y", "phone": "12", "language": "xx-", "country": "ZZ", "time_zone": "Mars"},
    {"external_id": " e\u0301 ", "first_name": "Zażółć \\N \\. 'x'", "last_name": "O”Brien"},
    {"external_id": "p-5", "first_name": "a" * 101, "topics": ";".join(str(number) for number in range(51))},
    {"external_id": "p-6", "phone": "07911 123456", "country": "GB", "push": "yes", "sms": "no"},
    {"external_id": "p-7", "first_name": "bell\x07", "last_name": "ok"},
    {"external_id": "p-1", "last_name": "Later wins"},
    {"external_id": "p-8", "phone": "22 345 67 89", "city": "Łódź", "points": "12.5", "since": "2026-02-28"},
    {"external_id": "p-9", "city": "x" * 1_001, "points": "3", "likes": "a;b", "vip": "true"},
]
KINDS = {"city": "text", "points": "number", "since": "date", "likes": "list", "vip": "boolean"}


def as_draft(cells: dict[str, str]) -> CustomerDraft:
    """What a caller of the API would say for these cells."""
    says = {"yes": True, "no": False, "true": True}
    told: dict[str, Any] = {name: value for name, value in cells.items() if name not in {*KINDS, "push", "sms"}}
    if "topics" in told:
        told["topics"] = [one.strip() for one in told["topics"].split(";")]
    typed = {"number": float, "list": lambda cell: cell.split(";"), "boolean": says.__getitem__}
    told["traits"] = {name: typed.get(KINDS[name], str)(value) for name, value in cells.items() if name in KINDS}
    told["consent"] = {name: says[cells[name]] for name in ("push", "sms") if name in cells}
    return CustomerDraft(**told)


def profiles(app: App) -> list[tuple[Any, ...]]:
    names = [
        "external_id",
        "email",
        "phone",
        "first_name",
        "last_name",
        "language",
        "time_zone",
        "country",
        "traits",
        "topics",
    ]
    return list(
        Customer.objects.filter(app=app).order_by("external_id").values_list(*names, "push_consent", "sms_consent")
    )


def test_a_file_and_a_call_are_judged_alike() -> None:
    by_call, by_file = make_app(), make_app()
    verdicts = upsert_customers(app=by_call, drafts=[as_draft(cells) for cells in CELLS], now=NOW, source="import")
    names = sorted({name for cells in CELLS for name in cells})
    text = "\n".join([",".join(names), *(",".join(cells.get(name, "") for name in names) for cells in CELLS)])
    columns = [Column("trait", name, KINDS[name]) if name in KINDS else Column(name) for name in names]
    run = run_through(upload(by_file, text), columns=columns)
    assert profiles(by_file) == profiles(by_call)
    assert [(line, sorted(codes)) for line, codes in refused(run)] == [
        (line, sorted(problem.code for problem in verdict.problems))
        for line, verdict in enumerate(verdicts, start=2)
        if verdict.problems
    ]
    answers = Consent.objects.order_by("customer__external_id", "channel", "topic")
    said = [
        list(answers.filter(customer__app=app).values_list("channel", "topic", "granted", "source"))
        for app in (by_call, by_file)
    ]
    assert said[0] == said[1]
    assert len(said[0]) > 2


def test_a_yes_without_wording_never_undoes_a_no(app: App) -> None:
    make_customer(app, external_id="no", push_consent=False)
    make_customer(app, external_id="unasked")
    text = "id,push\nno,yes\nunasked,yes\nnew,yes\n"
    run_through(upload(app, text))
    said = dict(Customer.objects.filter(app=app).values_list("external_id", "push_consent"))
    assert said == {"no": False, "unasked": True, "new": True}
    run_through(upload(app, text), wording="I want pushes")
    assert Customer.objects.get(app=app, external_id="no").push_consent is True
    proof = Consent.objects.get(customer__external_id="no")
    assert (proof.source, proof.wording, proof.granted) == ("import", "I want pushes", True)


def test_a_topic_column_answers_for_one_topic(app: App) -> None:
    make_customer(app, external_id="a", topics=["news", "offers"])
    run = upload(app, "id,wants news\na,no\nb,yes\n")
    columns = [Column("external_id"), Column("topic", "news")]
    problems = choose(run=run, columns=columns, wording="", empties_clear=False, destination="")
    assert [problem.code for problem in problems] == ["wording_required"]
    run_through(run, columns=columns, wording="News by push")
    topics = dict(Customer.objects.filter(app=app).values_list("external_id", "topics"))
    assert topics == {"a": ["offers"], "b": ["news"]}
    assert Consent.objects.filter(topic="news", source="import").count() == 2


def test_a_cell_of_topics_is_an_answer_to_each_joined_or_left(app: App) -> None:
    make_customer(app, external_id="a", topics=["news", "offers"])
    make_customer(app, external_id="same", topics=["news"])
    run_through(upload(app, "id,topics\na,offers;tips\nb,news\nsame,news\n"))
    said = Consent.objects.filter(source="import_list").order_by("id")
    assert list(said.values_list("customer__external_id", "topic", "granted")) == [
        ("a", "tips", True),
        ("a", "news", False),
        ("b", "news", True),
    ]


LEFT_NEWS = {"channel": "push", "topic": "news", "granted": False, "source": "preference_page", "now": NOW}


def topics_of(app: App, external_id: str = "a") -> list[str]:
    return Customer.objects.get(app=app, external_id=external_id).topics


def test_a_list_of_topics_puts_nobody_back_into_one_they_left(app: App) -> None:
    anna = make_customer(app, external_id="a", topics=["news", "offers"])
    record_consent(customer_ids=[anna.pk], **LEFT_NEWS)
    run = run_through(upload(app, "id,topics\na,news;tips\nb,news\n"), wording="I want these")
    assert (topics_of(app), topics_of(app, "b")) == (["tips"], ["news"])
    assert (run.stored_count, run.refused_count, run.warned_count) == (2, 0, 1)
    [warned] = told_lines(run, is_stored=True)
    assert (warned.line, warned.cells) == (2, ["a", "news;tips"])
    assert [(one["column"], one["code"], one["came"]) for one in warned.problems] == [
        ("topics", "opt_out_kept", "news")
    ]
    assert Consent.objects.filter(customer=anna, topic="news").get().source == "preference_page"


def test_what_one_list_left_out_the_next_may_name_again(app: App) -> None:
    make_customer(app, external_id="a", topics=["news", "offers"])
    run_through(upload(app, "id,topics\na,offers\n"))
    run = run_through(upload(app, "id,topics\na,offers;news\n"))
    assert (topics_of(app), run.warned_count) == (["offers", "news"], 0)


def test_an_answer_with_its_wording_puts_them_back(app: App) -> None:
    anna = make_customer(app, external_id="a", topics=[])
    record_consent(customer_ids=[anna.pk], **LEFT_NEWS)
    columns = [Column("external_id"), Column("topic", "news")]
    run_through(upload(app, "id,wants news\na,yes\n"), columns=columns, wording="News by push")
    run_through(upload(app, "id,topics\na,news;tips\n"))
    assert topics_of(app) == ["news", "tips"]


def test_a_name_given_up_in_a_merge_is_not_put_back_either(app: App) -> None:
    half, kept = make_customer(app, external_id="half"), make_customer(app, external_id="a")
    record_consent(customer_ids=[kept.pk], **LEFT_NEWS)
    merge_customers(customer=half, into=kept, actor="test", now=NOW)
    run = run_through(upload(app, "id,topics\nhalf,news;tips\n"))
    assert (topics_of(app), run.warned_count, run.updated_count) == (["tips"], 1, 1)


@pytest.mark.django_db(transaction=True)
def test_who_leaves_a_topic_while_the_file_is_stored_stays_out(app: App) -> None:
    anna = make_customer(app, external_id="a", topics=["news"])
    run = upload(app, "id,topics,first_name\na,news;tips,Anna\n")
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            record_consent(customer_ids=[anna.pk], **LEFT_NEWS)
            storing = pool.submit(in_own_connection, lambda: run_through(run))
            wait_for_a_lock()
        storing.result()
    assert topics_of(app) == ["tips"]
    assert Consent.objects.filter(customer=anna, topic="news").get().granted is False


@pytest.mark.django_db(transaction=True)
def test_somebody_who_is_created_at_the_same_moment_is_changed_by_the_file(app: App) -> None:
    run = upload(app, "id,first_name,push\na,Anna,yes\nb,Bob,yes\n")
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            make_customer(app, external_id="a", first_name="Ann")
            storing = pool.submit(in_own_connection, lambda: run_through(run))
            wait_for_a_lock()
        storing.result()
    run.refresh_from_db()
    assert (run.stored_count, run.created_count, run.updated_count, run.refused_count) == (2, 1, 1, 0)
    assert Customer.objects.get(app=app, external_id="a").first_name == "Anna"
    assert Consent.objects.filter(granted=True, source="import").count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_file_that_gave_way_in_a_deadlock_is_stored_at_once(app: App) -> None:
    ann, bob, cid = (make_customer(app, external_id=name) for name in "abc")
    run = upload(app, "id,first_name\na,Anna\nb,Bob\nc,Cid\n")
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            lock(bob)
            storing = pool.submit(in_own_connection, lambda: run_through(run))
            wait_for_a_lock()  # the file's: it has ann and wants bob
            other = pool.submit(in_own_connection, lambda: lock(cid, ann))
            wait_for_a_lock(waiting=2)
        other.result()  # let go, the file wanted cid, whom the one who wants ann had
        storing.result()
    run.refresh_from_db()
    assert (run.state, run.updated_count) == ("done", 3)


@transaction.atomic
def lock(*people: Customer) -> None:
    """One after the other, in this order. Whoever waits for these finds a deadlock first, and so gives way."""
    with connection.cursor() as cursor:
        cursor.execute("set local deadlock_timeout = '1h'")
        for one in people:
            cursor.execute("select 1 from customers_customer where id = %s for update", [one.pk])


def in_own_connection(work: Callable[[], Any]) -> None:
    try:
        work()
    finally:
        connection.close()


def wait_for_a_lock(*, waiting: int = 1) -> None:
    """Until so many transactions of this test's database wait for another."""
    until = monotonic() + 60
    with connection.cursor() as cursor:
        while monotonic() < until:
            cursor.execute("select pg_stat_clear_snapshot()")
            cursor.execute(
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
            )
            if cursor.fetchone()[0] >= waiting:
                return
            sleep(0.02)
    raise AssertionError(f"fewer than {waiting} wait")


def test_the_erased_do_not_come_back(app: App) -> None:
    gone = make_customer(app, external_id="gone", first_name="Anna")
    erase(customer=gone, actor="test", now=NOW)
    run = run_through(upload(app, "id,first_name,push\ngone,Anna,yes\nhere,Bob,yes\n"))
    assert refused(run) == [(2, ["customer_erased"])]
    assert list(Customer.objects.filter(app=app, erased_at=None).values_list("external_id", flat=True)) == ["here"]


def test_people_of_a_file_go_on_the_list_that_was_chosen(app: App) -> None:
    known = make_customer(app, external_id="known")
    segment = make_segment(app, [known])
    run_through(upload(app, "id\nknown\nnew\n"), destination=f"list:{segment.pk}")
    segment.refresh_from_db()
    assert (segment.member_count, SegmentMember.objects.filter(segment=segment, left_at=None).count()) == (2, 2)


class Killed(Exception):
    """As sudden as kill -9: nothing behind it runs, and the lease stays."""


def test_a_killed_worker_loses_and_doubles_nothing(app: App) -> None:
    rows = 2_000
    run = upload(
        app, "id,push\n" + "".join(f"p-{number},{'yes' if number % 9 else 'maybe'}\n" for number in range(rows))
    )
    choose(run=run, columns=columns_of(run), wording="", empties_clear=False, destination="")
    start(run=run, actor=make_user(app), now=NOW)

    def clock_that_dies(calls: int) -> Iterator[Any]:
        yield from [NOW] * calls
        raise Killed

    for calls in (1, 3, 4):
        ticking = clock_that_dies(calls)
        with pytest.raises(Killed):
            continue_imports(clock=lambda ticking=ticking: next(ticking), slot_seconds=60, block_bytes=4_000)  # type: ignore[misc]
        assert continue_imports(clock=lambda: NOW, slot_seconds=60) is False  # its lease holds
        ImportRun.objects.filter(pk=run.pk).update(leased_until=NOW - timedelta(seconds=1))
    continue_imports(clock=lambda: NOW, slot_seconds=60)
    run.refresh_from_db()
    bad = len([number for number in range(rows) if number % 9 == 0])
    assert (run.state, run.stored_count, run.refused_count, run.created_count) == ("done", rows - bad, bad, rows - bad)
    assert Customer.objects.filter(app=app).count() == Consent.objects.count() == rows - bad
    assert [line for line, _codes in refused(run)] == [number + 2 for number in range(rows) if number % 9 == 0]


def test_who_lost_the_lease_writes_nothing(app: App) -> None:
    run = upload(app, "id\n" + "".join(f"p-{number}\n" for number in range(500)))
    choose(run=run, columns=columns_of(run), wording="", empties_clear=False, destination="")
    start(run=run, actor=make_user(app), now=NOW)
    calls = iter(range(100))

    def clock() -> Any:
        if next(calls) == 2:
            cancel(run=ImportRun.objects.get(pk=run.pk), actor=make_user(app), now=NOW)
        return NOW

    continue_imports(clock=clock, slot_seconds=60, block_bytes=1_000)
    run.refresh_from_db()
    assert (run.state, Customer.objects.filter(app=app).count()) == ("cancelled", run.stored_count)
    assert 0 < run.stored_count < 500


def test_the_preview_shows_what_would_be_stored_and_stores_nothing(app: App) -> None:
    make_customer(app, external_id="a", first_name="Ann")
    run = upload(app, "id,phone,vip\na,500600701,yes\nb,12,no\nc,,perhaps\n")
    columns = [Column("external_id"), Column("phone"), Column("trait", "vip", "boolean")]
    choose(run=run, columns=columns, wording="", empties_clear=False, destination="")
    lines = preview(run=run, now=NOW)
    assert [(one.line, one.status) for one in lines] == [(2, "updated"), (3, "refused"), (4, "refused")]
    assert list(lines[0].values) == ["a", "+48500600701", "yes"]
    assert [problem.code for one in lines for problem in one.problems] == ["phone_invalid", "type"]
    assert not TraitType.objects.exists()
    assert Customer.objects.filter(app=app).count() == 1


def test_a_line_of_any_length_costs_only_itself(app: App) -> None:
    raw = b"id,first_name\na,Ann\nb," + b"x" * (3 * PART_BYTES) + b"\nc,Cid\n"
    run = run_through(upload(app, raw))
    assert (run.state, run.stored_count, refused(run)) == ("done", 2, [(3, ["line_too_long"])])


def test_nul_bytes_and_broken_letters_are_refused_where_they_stand(app: App) -> None:
    run = run_through(upload(app, "id,first_name\na,Ż\nb,n\0l\nc,Cid\n".encode() + "d,Łódź\n".encode()[:5] + b"\n"))
    assert [line for line, codes in refused(run) if codes == ["nul_not_allowed"]] == [3]


def test_utf16_and_old_code_pages_are_read(app: App) -> None:
    for name, encoding in [("a", "utf-16-le"), ("b", "utf-16-be"), ("c", "cp1250")]:
        raw = f"id;first_name\n{name};Łódź\n".encode(encoding)
        run_through(upload(app, raw, piece=31))
    assert list(Customer.objects.filter(app=app).values_list("first_name", flat=True)) == ["Łódź"] * 3


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "file_empty"),
        (b"id,email\n", "file_without_lines"),
        (b"anna@example.com,Anna\nbob@example.com,Bob\n", "header_missing"),
        (b"id,email,E-mail,EMAIL\n1,,,\n", "header_duplicate"),
        (b"id," + b",".join(b"c%d" % number for number in range(300)) + b"\n1\n", "too_many_columns"),
        (b"id,na\0me,email,first_name,last_name\n1,,,,\n", "nul_not_allowed"),
        (b"PK\x03\x04....[Content_Types].xml", "file_type"),
        (b"x" * 1_200_000, "header_missing"),
        (b'"id,email\n' + b"a,b\n" * 500_000, "header_missing"),
    ],
    ids=["empty", "only-header", "no-header", "twice", "wide", "nul", "excel", "one-line", "open-quote"],
)
def test_a_file_that_is_no_table_is_refused_with_its_reason(app: App, raw: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        upload(app, raw)
    assert [problem.code for problem in refusal.value.problems] == [code]
    assert not ImportRun.objects.exists()


def test_columns_must_make_sense_before_a_start(app: App) -> None:
    TraitType.objects.create(app=app, name="points", type="number")
    run = upload(app, "id,email,mail\n1,,\n")
    chosen = {"wording": "", "empties_clear": False, "destination": ""}
    missing = choose(run=run, columns=[Column(), Column("email"), Column("email")], **chosen)
    assert [(one.pointer, one.code) for one in missing] == [
        ("/columns/2", "mapped_twice"),
        ("/columns", "id_column_missing"),
    ]
    choose(run=run, columns=[Column("external_id"), Column("trait", "points", "text"), Column()], **chosen)
    with pytest.raises(InvalidInput) as refusal:
        start(run=run, actor=make_user(app), now=NOW)
    assert [(one.pointer, one.code) for one in refusal.value.problems] == [("/columns/1", "attribute_type_conflict")]


def test_columns_are_guessed_from_their_names() -> None:
    header = ["External_User_ID", "E-MAIL", "Imię", "timezone_id", "tags", "player_id", "Plan", "whatever", "id"]
    guessed = guess_columns(header, {"plan": "text"})
    assert [one.to for one in guessed] == [
        "external_id",
        "email",
        "first_name",
        "time_zone",
        "traits",
        "",
        "trait",
        "",
        "",
    ]


def test_tags_of_an_export_become_traits(app: App) -> None:
    tags = json.dumps({"plan": "pro", "points": 3}).replace('"', '""')
    run = run_through(upload(app, f'external_user_id,tags\na,"{tags}"\nb,no json\n'))
    assert Customer.objects.get(app=app, external_id="a").traits == {"plan": "pro", "points": 3}
    assert refused(run) == [(3, ["type"])]


def test_dates_and_numbers_are_read_as_people_write_them(app: App) -> None:
    run = upload(app, "id;d;n\na;28.02.2026;1 234,5\nb;2026-02-28 12:30;12\nc;31.02.2026;x\n")
    columns = [Column("external_id"), Column("trait", "d", "date"), Column("trait", "n", "number")]
    choose(run=run, columns=columns, wording="", empties_clear=False, destination="")
    reader = RecordReader(reading_of(run))
    assert reader.read(["a", "28.02.2026", "1 234,5"]).traits == {"d": "2026-02-28", "n": 1234.5}
    assert reader.read(["b", "2026-02-28 12:30", "12"]).traits["n"] == 12  # type: ignore[index]
    assert [one.code for one in reader.read(["c", "31.02.2026", "x"]).problems] == ["date_format", "type"]


def test_a_file_taken_in_by_a_version_before_is_read_and_its_lines_stay_plain(app: App) -> None:
    run = upload(app, "id,email\na,a@example.com\nb,x\n")
    ImportPart.objects.update(body=read_bytes(run, 0, run.size_bytes), sealed=None)
    ImportRun.objects.update(file_key=None)
    run = run_through(ImportRun.objects.get())
    assert (run.state, run.created_count, ImportLine.objects.get().cells) == ("done", 1, ["b", "x"])
    assert [one.cells for one in told_lines(run)] == [["b", "x"]]


def test_a_file_that_no_key_opens_fails_alone_and_says_why(app: App) -> None:
    lost, sound = upload(app, "id\na\n"), upload(app, "id\nb\n")
    for run in (lost, sound):
        start(run=run, actor=make_user(app), now=NOW)
    ImportPart.objects.filter(run=lost).update(sealed=b"another file's, or changed on the way")
    assert continue_imports(clock=lambda: NOW, slot_seconds=60) is False
    for run in (lost, sound):
        run.refresh_from_db()
    assert (lost.state, lost.parts.count(), sound.state) == ("failed", 0, "done")
    assert "Upload it again" in lost.failure


def test_a_worker_that_has_not_the_new_key_yet_leaves_the_file_to_others(app: App, keys: UseKeys) -> None:  # noqa: F811
    keys("k2", "k1")
    run, lost = upload(app, "id\na\n"), upload(app, "id\nb\n")
    start(run=run, actor=make_user(app), now=NOW)
    keys("k1")
    assert continue_imports(clock=lambda: NOW, slot_seconds=60) is False
    keys("k2", "k1")
    later = NOW + LEASE + timedelta(seconds=1)
    continue_imports(clock=lambda: later, slot_seconds=60)
    start(run=lost, actor=make_user(app), now=NOW)
    keys("k1")
    continue_imports(clock=lambda: later + KEY_MISSING_FOR, slot_seconds=60)
    assert list(ImportRun.objects.order_by("pk").values_list("state", flat=True)) == ["done", "failed"]


def test_empty_cells_keep_what_is_known_unless_they_are_to_clear(app: App) -> None:
    make_customer(app, external_id="a", first_name="Ann", traits={"plan": "pro"})
    text = "id,first_name,plan\na,,\n"
    columns = [Column("external_id"), Column("first_name"), Column("trait", "plan", "text")]
    run_through(upload(app, text), columns=columns)
    assert Customer.objects.get(app=app).first_name == "Ann"
    run_through(upload(app, text), columns=columns, empties_clear=True)
    ann = Customer.objects.get(app=app)
    assert (ann.first_name, ann.traits) == ("", {})


def test_old_files_and_refused_lines_are_forgotten(app: App) -> None:
    left = upload(app, "id\na\n")
    run = run_through(upload(app, "id,email\na,x\n"))
    assert forget_old(now=NOW + timedelta(days=31)) == 1
    left.refresh_from_db()
    run.refresh_from_db()
    assert (left.state, run.refused_count, run.key) == ("cancelled", 1, None)
    assert (ImportPart.objects.count(), ImportLine.objects.count()) == (0, 0)
