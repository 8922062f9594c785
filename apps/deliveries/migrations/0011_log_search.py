"""What the search of the log stands on, made without keeping anybody from writing: week by week, concurrently.

deliveries_delivery_missed has only what did not go well, so it costs what goes well nothing. deliveries_delivery_time
has a line for 32 pages of the ledger, which is appended in the order of time. A week made later takes both over.
"""

from typing import Any

from django.db import migrations

INDEXES = {
    "deliveries_delivery_missed": (
        "{table} using btree (app_id, outcome, recorded_at, dispatch_id, customer_id, device_id) where outcome <> 1"
    ),
    "deliveries_delivery_time": "{table} using brin (recorded_at) with (pages_per_range = 32)",
}


def create(apps: Any, schema_editor: Any) -> None:
    """Each week's index concurrently, then the whole table's, which takes them in. What a broken try left is redone."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("select relid::text from pg_partition_tree('deliveries_delivery') where isleaf order by 1")
        weeks = [row[0] for row in cursor.fetchall()]
        for name, on in INDEXES.items():
            cursor.execute("select to_regclass(%s)", [name])
            if cursor.fetchone()[0]:
                continue
            for number, week in enumerate(weeks):
                cursor.execute(f"drop index if exists {name}_{number}")
                cursor.execute(f"create index concurrently {name}_{number} on {on.format(table=week)}")
            cursor.execute(f"create index {name} on {on.format(table='deliveries_delivery')}")


def drop(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        for name in INDEXES:
            cursor.execute(f"drop index if exists {name}")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("deliveries", "0010_sending_stop")]
    operations = [migrations.RunPython(create, drop)]
