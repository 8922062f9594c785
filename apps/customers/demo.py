"""The people of the demo world: 50,000 plausible customers and what they did in 90 days.

Deterministic: the same seed and day give the same rows. Phone numbers come only from the range that North America
keeps for fiction (555-01xx), e-mail only from example.com, so that nobody real is ever written to, whatever gateway
is connected later; so people elsewhere have no phone here.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product

import phonenumbers
from django.db import connection

from apps.accounts.models import App
from apps.customers.models import Topic
from apps.customers.sealed import EMAIL, PHONE, Sealer, sealer_of
from apps.customers.services.wordings import save_topic, write_wording


@dataclass(frozen=True, slots=True)
class Land:
    """Where a share of the demo people lives. places: (city, time zone)."""

    country: str
    language: str
    share: int
    places: tuple[tuple[str, str], ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]


LANDS = (
    Land(
        "US",
        "en",
        40,
        (
            ("New York", "America/New_York"),
            ("Boston", "America/New_York"),
            ("Chicago", "America/Chicago"),
            ("Austin", "America/Chicago"),
            ("Denver", "America/Denver"),
            ("Seattle", "America/Los_Angeles"),
            ("San Diego", "America/Los_Angeles"),
        ),
        ("Olivia", "Liam", "Emma", "Noah", "Ava", "James", "Mia", "Lucas", "Harper", "Ethan", "Grace", "Henry"),
        ("Smith", "Johnson", "Brown", "Davis", "Miller", "Wilson", "Moore", "Taylor", "Clark", "Lewis", "Walker"),
    ),
    Land(
        "FR",
        "fr",
        14,
        (("Paris", "Europe/Paris"), ("Lyon", "Europe/Paris"), ("Nantes", "Europe/Paris"), ("Lille", "Europe/Paris")),
        ("Léa", "Hugo", "Chloé", "Louis", "Manon", "Gabriel", "Camille", "Jules", "Inès", "Arthur", "Zoé"),
        ("Martin", "Bernard", "Dubois", "Petit", "Moreau", "Laurent", "Lefèvre", "Garnier", "Faure", "Rousseau"),
    ),
    Land(
        "GB",
        "en",
        12,
        (("London", "Europe/London"), ("Leeds", "Europe/London"), ("Bristol", "Europe/London")),
        ("Amelia", "Oliver", "Isla", "George", "Freya", "Arthur", "Ivy", "Leo", "Florence", "Theo"),
        ("Jones", "Evans", "Thomas", "Roberts", "Hughes", "Edwards", "Green", "Wood", "Harris", "Cooper"),
    ),
    Land(
        "DE",
        "de",
        10,
        (("Berlin", "Europe/Berlin"), ("Hamburg", "Europe/Berlin"), ("München", "Europe/Berlin")),
        ("Mia", "Ben", "Hannah", "Paul", "Lina", "Finn", "Clara", "Jonas", "Greta", "Felix", "Jürgen"),
        ("Müller", "Schmidt", "Schneider", "Fischer", "Weber", "Becker", "Hoffmann", "Schäfer", "Koch", "Groß"),
    ),
    Land(
        "PL",
        "pl",
        9,
        (("Warszawa", "Europe/Warsaw"), ("Kraków", "Europe/Warsaw"), ("Gdańsk", "Europe/Warsaw")),
        ("Zuzanna", "Jan", "Julia", "Antoni", "Maja", "Jakub", "Łucja", "Stanisław", "Małgorzata", "Wojciech"),
        ("Nowak", "Kowalski", "Wiśniewska", "Wójcik", "Lewandowski", "Zielińska", "Szymański", "Dąbrowska"),
    ),
    Land(
        "ES",
        "es",
        7,
        (("Madrid", "Europe/Madrid"), ("Valencia", "Europe/Madrid"), ("Las Palmas", "Atlantic/Canary")),
        ("Lucía", "Mateo", "Martina", "Leo", "Sofía", "Pablo", "Begoña", "Iker"),
        ("García", "Fernández", "López", "Martínez", "Sánchez", "Núñez", "Ibáñez"),
    ),
    Land(
        "BR",
        "pt",
        5,
        (("São Paulo", "America/Sao_Paulo"), ("Manaus", "America/Manaus"), ("Recife", "America/Recife")),
        ("Helena", "Miguel", "Alice", "Arthur", "João", "Conceição", "Davi"),
        ("Silva", "Santos", "Oliveira", "Souza", "Araújo", "Gonçalves"),
    ),
    Land(
        "JP",
        "ja",
        3,
        (("東京", "Asia/Tokyo"), ("大阪", "Asia/Tokyo")),
        ("陽葵", "蓮", "凛", "湊", "結菜", "樹"),
        ("佐藤", "鈴木", "高橋", "田中", "伊藤"),
    ),
)

PLANS = (("free", 68), ("plus", 24), ("pro", 8))
CATEGORIES = ("shoes", "outdoor", "kitchen", "books", "toys", "garden", "beauty", "audio")
TOPICS = {
    "offers": ("Offers", "Discounts and early access, at most twice a week."),
    "news": ("News", "New arrivals and stories, once a week."),
    "orders": ("Your orders", "When an order is on its way or ready to collect."),
}
WORDINGS = {
    "push": "Notifications in the app and in the browser.",
    "sms": "Text messages to your mobile number, at most four a month. Reply STOP at any time.",
}

# name, weight, whether it has an amount
EVENTS = (
    ("app_opened", 46, False),
    ("product_viewed", 34, False),
    ("added_to_cart", 11, False),
    ("purchase", 7, True),
    ("review_written", 2, False),
)
DAYS_OF_EVENTS = 90


def load_customers(*, app: App, count: int, seed: int, now: datetime, advance: Callable[[int], None]) -> None:
    """COPY `count` customers. Touches customers_customer. Cost: about 25,000 rows/s."""
    columns = (
        "app_id, external_id, email, phone, first_name, last_name, language, time_zone, country, traits, topics,"
        " push_consent, sms_consent, created_at, updated_at"
    )
    key = sealer_of(app.pk)  # before the COPY, beside which the connection answers no other question
    _copy(f"customers_customer ({columns})", _customer_rows(app, key, count, seed, now), advance)


def load_topics(*, app: App, now: datetime) -> None:
    """What the preference page of the demo world offers."""
    for place, (key, (name, description)) in enumerate(TOPICS.items()):
        topic = Topic(app=app, key=key, name=name, description=description, position=place, is_default=key == "orders")
        save_topic(topic=topic, author="demo", now=now)
    for channel, text in WORDINGS.items():
        write_wording(app=app, subject=channel, text=text, author="demo", now=now)


def load_consents(*, app: App, now: datetime) -> None:
    """The proof behind every consent flag of the demo people, one set statement."""
    with connection.cursor() as cursor:
        cursor.execute(_CONSENTS, {"app_id": app.pk, "now": now})


def load_events(*, app: App, count: int, seed: int, now: datetime, advance: Callable[[int], None]) -> None:
    """COPY `count` events over 90 days; a quarter of the people did most of them. Cost: about 60,000 rows/s."""
    with connection.cursor() as cursor:
        cursor.execute("select id from customers_customer where app_id = %s order by id", [app.pk])
        customer_ids = [row[0] for row in cursor.fetchall()]
    columns = "app_id, customer_id, name, occurred_at, amount, properties"
    _copy(f"customers_event ({columns})", _event_rows(app, customer_ids, count, seed, now), advance)


def _customer_rows(app: App, key: Sealer, count: int, seed: int, now: datetime) -> Iterator[tuple[object, ...]]:
    chance = random.Random(f"{seed}:customers")
    phones = _fictional_phones()
    weights = [land.share for land in LANDS]
    for number in range(1, count + 1):
        land = chance.choices(LANDS, weights)[0]
        city, zone = chance.choice(land.places)
        first, last = chance.choice(land.first_names), chance.choice(land.last_names)
        phone = next(phones, "") if land.country == "US" and chance.random() < 0.9 else ""
        joined = now - timedelta(days=chance.randint(1, 700), minutes=chance.randint(0, 1439))
        yield (
            app.pk,
            f"c{number:06d}",
            key.seal(EMAIL, f"customer{number}@example.com"),
            key.seal(PHONE, phone),
            first,
            last,
            land.language,
            zone,
            land.country,
            json.dumps(_traits(chance, city, now), ensure_ascii=False),
            [topic for topic in TOPICS if chance.random() < 0.7],
            chance.choices((None, True, False), (30, 66, 4))[0],
            chance.random() < 0.55 if phone else None,
            joined,
            joined,
        )


def _traits(chance: random.Random, city: str, now: datetime) -> dict[str, object]:
    plan = chance.choices([name for name, _ in PLANS], [share for _, share in PLANS])[0]
    birthday = now.date() - timedelta(days=chance.randint(18 * 365, 75 * 365))
    return {
        "city": city,
        "plan": plan,
        "loyalty_points": int(chance.expovariate(1 / 400)),
        "newsletter": chance.random() < 0.62,
        "favourite_category": chance.choice(CATEGORIES),
        "birthday": birthday.isoformat(),
    }


def _fictional_phones() -> Iterator[str]:
    """Distinct NANP numbers of the exchange 555-01xx, in area codes that exist (about 33,000)."""
    for digits in product("23456789", "0123456", "023456789"):
        area = "".join(digits)
        if phonenumbers.is_valid_number(phonenumbers.parse(f"+1{area}5550100")):
            yield from (f"+1{area}55501{number:02d}" for number in range(100))


def _event_rows(
    app: App, customer_ids: list[int], count: int, seed: int, now: datetime
) -> Iterator[tuple[object, ...]]:
    chance = random.Random(f"{seed}:events")
    weights = [weight for _, weight, _ in EVENTS]
    total = len(customer_ids)
    for name, _, has_amount in chance.choices(EVENTS, weights, k=count):
        customer_id = customer_ids[min(total - 1, int(total * chance.random() ** 2))]
        occurred_at = now - timedelta(seconds=chance.random() * DAYS_OF_EVENTS * 86_400)
        properties: dict[str, object] = {"category": chance.choice(CATEGORIES)}
        amount = round(chance.lognormvariate(3.4, 0.7), 2) if has_amount else None
        if amount is not None:
            properties["amount"] = amount
        yield (app.pk, customer_id, name, occurred_at, amount, json.dumps(properties))


def _copy(target: str, rows: Iterator[tuple[object, ...]], advance: Callable[[int], None]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"copy {target} from stdin") as copy:  # type: ignore[attr-defined]
        for number, row in enumerate(rows, 1):
            copy.write_row(row)
            if number % 5_000 == 0:
                advance(5_000)


_CONSENTS = """
insert into customers_consent (customer_id, channel, topic, granted, source, wording, at)
select id, 'push', '', push_consent, 'import', 'Demo world',
       case when push_consent then created_at else greatest(created_at, %(now)s - id %% 50 * interval '1 day') end
from customers_customer where app_id = %(app_id)s and push_consent is not null
union all
select id, 'sms', '', sms_consent, 'import', 'Demo world', greatest(created_at, %(now)s - id %% 70 * interval '1 day')
from customers_customer where app_id = %(app_id)s and sms_consent is not null
"""
