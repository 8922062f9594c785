"""Every named SQL file is understood by PostgreSQL on the migrated schema, and says what it is for."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection

FILES = sorted(path for app in apps.get_app_configs() for path in Path(app.path).glob("sql/*.sql"))
# Stands in for every part: whatever columns a statement asks of a query made elsewhere.
PART = """(
    select id, id as customer_id, '' as gateway, '' as platform, '' as state, '' as time_zone,
           '' as phone, '' as sms_state, 0 as sms_parts, external_id, email, first_name, last_name, language, country,
           traits, topics::text[] as topics, push_consent, sms_consent, app_id, 0::bigint as dispatch_id,
           current_date as planned_on, now() as recorded_at, 1::smallint as outcome, 0::smallint as hour,
           traits as facts, now() as written_at, array[]::xid[] as others, repeat('0', 256)::bit(256) as mask
    from customers_customer
)"""


def names(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", FILES, ids=names)
def test_a_statement_begins_with_its_purpose(path: Path) -> None:
    assert path.read_text().startswith("-- ")


@pytest.mark.django_db
@pytest.mark.parametrize("path", FILES, ids=names)
def test_a_statement_can_be_prepared(path: Path) -> None:
    text = path.read_text()
    code = re.sub(r"--.*", "", text).strip()
    with connection.cursor() as cursor:
        for workbench in path.parent.glob("*_tables.sql"):
            cursor.execute(workbench.read_text())
        if code.startswith(("create", "drop")):
            return
        cursor.execute("deallocate all")
        cursor.execute(f"prepare checked as {prepared_form(code)}")


def prepared_form(code: str) -> str:
    """The statement with $n for %(name)s, and PART for every part."""
    order: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in order:
            order.append(match[1])
        return f"${order.index(match[1]) + 1}"

    code = re.sub(r"\{\{\w+\}\}", PART, code)
    return re.sub(r"%\((\w+)\)s", number, code).replace("%%", "%").rstrip(";")
