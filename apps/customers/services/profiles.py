"""Profiles: people created and changed in sets, by the app's own name for them."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.core.problems import Conflict, FieldProblem, InvalidInput
from apps.core.sql import compiled, prepared_rows, rows
from apps.customers.models import Customer
from apps.customers.queries import person_named
from apps.customers.sealed import EMAIL, PHONE, Sealer, sealer_of
from apps.customers.services.consent import Answer, append_topic_answers, log_answers
from apps.customers.services.profile_fields import TOPIC, CleanCustomer, CustomerDraft, clean_customer
from apps.customers.services.tombstones import take_back_erased
from apps.customers.services.vocabulary import accept_traits, clean_values

__all__ = ["MOST_AT_ONCE", "CustomerDraft", "Upserted", "customer_for", "customer_ids_for", "upsert_customers"]

MOST_AT_ONCE = 1_000
CONTACTS = {"email": EMAIL, "phone": PHONE}
# The source of answers that follow from a file's list of topics: less than a word of the person's own, so that a no of
# this kind does not keep the next list from putting them back.
FILE_LIST = "import_list"
OPT_OUT_KEPT = "opt_out_kept"
# Of so few people planning the statements would cost more than running them.
MOST_PREPARED = 100


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of one draft. status: created, updated, unchanged, or refused (then problems say why).

    Pointers in problems and warnings are relative to the draft. customer_id is None only where refused.
    """

    external_id: str
    status: str
    customer_id: int | None = None
    problems: tuple[FieldProblem, ...] = ()
    warnings: tuple[FieldProblem, ...] = ()


def upsert_customers(
    *, app: App, drafts: Sequence[CustomerDraft], now: datetime, source: str = "api", made_by_test: bool = False
) -> list[Upserted]:
    """Create or change up to 1,000 people; one verdict per draft, in order. A bad draft is refused alone.

    The same external_id twice: later drafts win field by field, with a warning. Consent is logged where it differs
    from what is known, and so is each topic joined or left; with source "import" a yes without wording never undoes a
    no, and a list of topics puts nobody back into one they left (warning opt_out_kept). Erased people stay erased.
    made_by_test: a test key speaks; people it creates are marked, until anything else writes them.
    Raises InvalidInput (413 too_many). Touches customers_customer, customers_consent, customers_traittype.
    """
    if len(drafts) > MOST_AT_ONCE:
        message = _("holds %(count)d people; at most %(limit)d fit into one request")
        message %= {"count": len(drafts), "limit": MOST_AT_ONCE}
        raise InvalidInput([FieldProblem("/customers", "too_many", message)], status=413)
    cleaned = [clean_draft(draft, default_country=app.default_country) for draft in drafts]
    return store_cleaned(app=app, cleaned=cleaned, now=now, source=source, made_by_test=made_by_test)


def clean_draft(draft: CustomerDraft, *, default_country: str) -> CleanCustomer:
    """Every rule that can be judged without the database: of the profile's fields and of the form of traits."""
    clean = clean_customer(draft, default_country=default_country)
    if clean.traits is not None:
        clean.traits = clean_values(clean.traits, pointer="/traits", problems=clean.problems)
    return clean


def store_cleaned(
    *, app: App, cleaned: Sequence[CleanCustomer], now: datetime, source: str, made_by_test: bool = False
) -> list[Upserted]:
    """As `upsert_customers`, for what `clean_draft` made of any number of drafts. Best in thousands."""
    with transaction.atomic():
        accept_all_traits(app=app, cleaned=cleaned)
        people = merged(cleaned)
        outcome = _store(app, people, now, source, made_by_test)
        _log_topics(people, outcome, source, now)
        _log_consent(people, outcome, source, now)
    return _verdicts(cleaned, outcome)


def customer_for(*, app: App, external_id: str | None, now: datetime, made_by_test: bool = False) -> Customer:
    """The person of that name, created if unknown; None = a new anonymous person.

    Raises InvalidInput for a malformed name, Conflict("customer_erased") for a tombstone.
    """
    if external_id is None:
        return Customer.objects.get(pk=create_anonymous(app=app, count=1, now=now, made_by_test=made_by_test)[0])
    known = person_named(app=app, external_id=external_id)
    if known is not None:
        return known
    verdict = upsert_customers(app=app, drafts=[CustomerDraft(external_id)], now=now, made_by_test=made_by_test)[0]
    if verdict.customer_id is not None:
        named = person_named(app=app, external_id=verdict.external_id)
        return named or Customer.objects.get(pk=verdict.customer_id)
    if verdict.problems[0].code == "customer_erased":
        raise Conflict("customer_erased", _("this person was erased and cannot come back under the same id"))
    raise InvalidInput(verdict.problems)


def customer_ids_for(
    *, app: App, external_ids: Sequence[str], now: datetime, made_by_test: bool = False
) -> dict[str, int]:
    """{external_id: id} of clean names, creating the unknown; erased people are left out. Cost: 1-4 statements."""
    wanted = list(dict.fromkeys(external_ids))
    known = _ids(app, wanted)
    missing = [name for name in wanted if name not in known]
    if not missing:
        return known
    outcome = _insert(app, [{"external_id": name} for name in missing], now, made_by_test=made_by_test)
    known |= {name: row.customer_id for name, row in outcome.items() if row.status == "created"}
    met = [name for name in missing if name not in outcome]
    return known | _ids(app, met) if met else known


def create_anonymous(*, app: App, count: int, now: datetime, made_by_test: bool = False) -> list[int]:
    """The ids of so many new people without a name."""
    if not count:
        return []
    parameters = {"app_id": app.pk, "people_count": count, "now": now, "made_by_test": made_by_test}
    return [customer_id for (customer_id,) in prepared_rows("customers", "insert_anonymous", parameters)]


def _ids(app: App, names: Sequence[str]) -> dict[str, int]:
    return dict(prepared_rows("customers", "ids_of_names", {"app_id": app.pk, "names": names}))


@dataclass(slots=True)
class _Row:
    """Where a person ended: the row's id and what happened to it.

    topics_before, topics_now: None = their topics stayed the same. stayed_left: topics they were not put back into.
    """

    customer_id: int
    status: str
    topics_before: Collection[str] | None = None
    topics_now: Collection[str] | None = None
    stayed_left: Collection[str] = ()


def accept_all_traits(*, app: App, cleaned: Sequence[CleanCustomer]) -> None:
    """The rules of traits that need the app's vocabulary, for those who are sound so far; see `accept_traits`."""
    sound = [clean for clean in cleaned if clean.traits is not None and not clean.problems]
    traits = [dict(clean.traits or {}) for clean in sound]
    if not traits:
        return
    for clean, accepted, verdict in zip(sound, traits, accept_traits(app=app, people=traits), strict=True):
        clean.traits = accepted
        clean.problems += verdict[0]
        clean.warnings += verdict[1]


def merged(cleaned: Sequence[CleanCustomer]) -> dict[str, CleanCustomer]:
    """The sound ones, one entry a person: what later drafts mention wins, the rest of earlier ones stays."""
    people: dict[str, CleanCustomer] = {}
    for clean in cleaned:
        if clean.problems:
            continue
        earlier = people.get(clean.external_id)
        if earlier is None:
            people[clean.external_id] = CleanCustomer(
                clean.external_id, dict(clean.fields), clean.traits, dict(clean.consent), clean.wording
            )
            continue
        earlier.fields |= clean.fields
        earlier.traits = {**(earlier.traits or {}), **(clean.traits or {})}
        earlier.consent |= clean.consent
        earlier.wording = clean.wording or earlier.wording
        message = _("stands more than once in this request; what came last counts")
        clean.warnings.append(FieldProblem("/external_id", "duplicate_in_request", message, clean.external_id))
    return people


def _store(
    app: App, people: dict[str, CleanCustomer], now: datetime, source: str, made_by_test: bool
) -> dict[str, _Row]:
    """Two statements: a new snapshot for the second, so that it sees people whom a twin request just created."""
    if not people:
        return {}
    key = sealer_of(app.pk)
    objects = {name: _as_row(clean, key) for name, clean in people.items()}
    outcome = _insert(app, list(objects.values()), now, made_by_test=made_by_test)
    rest = {name: row for name, row in objects.items() if name not in outcome}
    said = {"made_by_test": made_by_test, "keeps_left_topics": source == "import"}
    return outcome | (_update(app, rest, now, said) if rest else {})


def _insert(app: App, objects: list[dict[str, Any]], now: datetime, *, made_by_test: bool) -> dict[str, _Row]:
    """Those who are new, and those who would be, had they not been erased."""
    created = dict(_run("insert_customers", app, objects, now, made_by_test=made_by_test))
    erased = take_back_erased(app=app, created=created)
    topics = {row["external_id"]: row.get("topics", ()) for row in objects}
    outcome = {name: _Row(customer_id, "created", (), topics[name]) for name, customer_id in created.items()}
    return outcome | {name: _Row(customer_id, "erased") for name, customer_id in erased.items()}


def _update(app: App, objects: dict[str, dict[str, Any]], now: datetime, said: dict[str, bool]) -> dict[str, _Row]:
    """Those who are known. What is said under the name of a merged row is written to whom it belongs now."""
    outcome: dict[str, _Row] = {}
    moved: dict[str, str] = {}
    found = _run("update_customers", app, list(objects.values()), now, **said)
    for name, customer_id, is_erased, was_changed, kept_as, topics_before, topics_now, stayed_left in found:
        if kept_as is None:
            status = "erased" if is_erased else "updated" if was_changed else "unchanged"
            outcome[name] = _Row(customer_id, status, topics_before, topics_now, stayed_left or ())
        else:
            moved[name] = kept_as
    for name, kept_as in moved.items():
        outcome[name] = _update(app, {kept_as: {**objects[name], "external_id": kept_as}}, now, said)[kept_as]
    return outcome


def _as_row(clean: CleanCustomer, key: Sealer) -> dict[str, Any]:
    traits = {} if clean.traits is None else {"traits": clean.traits}
    sealed = {
        column: key.seal(kind, clean.fields[column]) for column, kind in CONTACTS.items() if column in clean.fields
    }
    return {"external_id": clean.external_id, **clean.fields, **sealed, **traits}


def _run(name: str, app: App, objects: Sequence[dict[str, Any]], now: datetime, **said: bool) -> list[tuple[Any, ...]]:
    people = compiled("customers", "people_of_json", {"rows": json.dumps(objects, ensure_ascii=False)})
    parameters = {"app_id": app.pk, "now": now, **said}
    run = prepared_rows if len(objects) <= MOST_PREPARED else rows
    return run("customers", name, parameters, people=people)


def _log_topics(people: dict[str, CleanCustomer], outcome: dict[str, _Row], source: str, now: datetime) -> None:
    answers = [
        answer
        for name, clean in people.items()
        if (before := outcome[name].topics_before) is not None and (after := outcome[name].topics_now) is not None
        for answer in topic_changes(outcome[name].customer_id, before, after, clean.wording)
    ]
    append_topic_answers(answers=answers, source=FILE_LIST if source == "import" else source, now=now)


def topic_changes(customer_id: int, before: Collection[str], now: Collection[str], wording: str) -> list[Answer]:
    """What it says to each topic that somebody's whole list was replaced."""
    changed = [(topic, True) for topic in now if topic not in before]
    changed += [(topic, False) for topic in before if topic not in now]
    return [Answer(customer_id, "push", granted, topic, wording) for topic, granted in changed]


def opt_outs_kept(told: Collection[str], stayed_left: Collection[str]) -> list[FieldProblem]:
    """A warning for each topic told that its person had left, and so stays out of. Code: opt_out_kept."""
    message = _("was left by this person themselves: a list in a file does not put them back")
    return [FieldProblem("/topics", OPT_OUT_KEPT, message, topic) for topic in told if topic in stayed_left]


def _log_consent(people: dict[str, CleanCustomer], outcome: dict[str, _Row], source: str, now: datetime) -> None:
    answers = [
        answer
        for name, clean in people.items()
        if clean.consent and outcome[name].status != "erased"
        for answer in answers_of(clean, outcome[name].customer_id)
    ]
    log_answers(answers=answers, source=source, now=now, only_changes=True, keeps_opt_out=source == "import")


def answers_of(clean: CleanCustomer, customer_id: int) -> list[Answer]:
    """A person's answers as the ledger takes them; one to a topic is an answer about pushes."""
    return [
        Answer(
            customer_id,
            "push" if word.startswith(TOPIC) else word,
            granted,
            topic=word.removeprefix(TOPIC) if word.startswith(TOPIC) else "",
            wording=clean.wording,
            wording_version=clean.versions.get(word),
        )
        for word, granted in clean.consent.items()
    ]


def _verdicts(cleaned: Sequence[CleanCustomer], outcome: dict[str, _Row]) -> list[Upserted]:
    """In order. Who stands twice in a request is created once, by the first that is sound."""
    verdicts: list[Upserted] = []
    created: set[str] = set()
    for clean in cleaned:
        verdict = _verdict(clean, outcome)
        if verdict.status == "created" and verdict.external_id in created:
            verdict = replace(verdict, status="updated")
        elif verdict.status == "created":
            created.add(verdict.external_id)
        verdicts.append(verdict)
    return verdicts


def _verdict(clean: CleanCustomer, outcome: dict[str, _Row]) -> Upserted:
    if clean.problems:
        return Upserted(clean.external_id, "refused", problems=tuple(clean.problems), warnings=tuple(clean.warnings))
    row = outcome[clean.external_id]
    if row.status == "erased":
        message = _("was erased and cannot come back under the same id")
        problem = FieldProblem("/external_id", "customer_erased", message, clean.external_id)
        return Upserted(clean.external_id, "refused", problems=(problem,))
    kept = opt_outs_kept(clean.fields.get("topics", ()), row.stayed_left)
    return Upserted(clean.external_id, row.status, row.customer_id, warnings=(*clean.warnings, *kept))
