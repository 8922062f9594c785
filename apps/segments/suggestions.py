"""What people of an app have in a field, most common first: offered while a rule is typed.

Asked of the newest 20,000 people or events and kept for ten minutes, so that the builder stays quick at any size.
"""

from contextlib import suppress
from hashlib import sha256

from django.core.cache import cache
from django.db import connection
from redis import RedisError

from apps.accounts.models import App
from apps.segments.rules.catalogue import COLUMNS, TRAIT

MOST = 60
KEPT_SECONDS = 600
LONGEST = 60

_COLUMN = """
select value from (
    select {column} as value from customers_customer
    where app_id = %(app_id)s and erased_at is null order by id desc limit 20000
) as newest where value <> '' group by value order by count(*) desc, value limit %(most)s
"""
_TRAIT = """
select value from (
    select traits -> %(name)s as found from customers_customer
    where app_id = %(app_id)s and erased_at is null order by id desc limit 20000
) as newest, lateral (
    select found #>> '{}' as value where jsonb_typeof(found) = 'string'
    union all
    select item from jsonb_array_elements_text(case when jsonb_typeof(found) = 'array' then found else '[]' end) as item
) as told group by value order by count(*) desc, value limit %(most)s
"""
_TOPICS = """
select topic from customers_customer, unnest(topics) as topic
where app_id = %(app_id)s group by topic order by count(*) desc, topic limit %(most)s
"""
_PROPERTY = """
select value from (
    select properties -> %(name)s as found from customers_event
    where app_id = %(app_id)s and name = %(event)s and occurred_at > now() - interval '90 days' limit 20000
) as newest, lateral (
    select found #>> '{}' as value where jsonb_typeof(found) = 'string'
    union all
    select item from jsonb_array_elements_text(case when jsonb_typeof(found) = 'array' then found else '[]' end) as item
) as told group by value order by count(*) desc, value limit %(most)s
"""
_VERSIONS = """
select app_version from (
    select app_version, state from devices_device where app_id = %(app_id)s order by id desc limit 20000
) as newest where app_version <> '' and state in ('active', 'stale')
group by app_version order by count(*) desc, app_version desc limit %(most)s
"""
# Fields that name one person: nothing is common to many, and nobody should read them off a list.
_PRIVATE = {"first_name", "last_name", "email", "phone", "external_id"}


def values_of(app: App, source: str) -> list[str]:
    """source: a field's key, or "<event>\\n<property>"."""
    key = f"segments.values:{app.pk}:{sha256(source.encode()).hexdigest()[:24]}"
    with suppress(RedisError):  # no cache: slower, no less true
        found: list[str] | None = cache.get(key)
        if found is not None:
            return found
    found = _asked(app, source)
    with suppress(RedisError):
        cache.set(key, found, KEPT_SECONDS)
    return found


def _asked(app: App, source: str) -> list[str]:
    params: dict[str, str | int] = {"app_id": app.pk, "most": MOST, "name": "", "event": ""}
    if "\n" in source:
        params["event"], params["name"] = source.split("\n", 1)
        query = _PROPERTY
    elif source.startswith(TRAIT):
        params["name"] = source.removeprefix(TRAIT)
        query = _TRAIT
    elif source == "topics":
        query = _TOPICS
    elif source == "device.app_version":
        query = _VERSIONS
    elif source in COLUMNS and source not in _PRIVATE:
        query = _COLUMN.replace("{column}", source)
    else:
        return []
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return [row[0] for row in cursor.fetchall() if len(row[0]) <= LONGEST]
