"""The ledger and the receipts: range-partitioned by planned_on, two hot indexes only.

Batches are updated many times while their arrays never change: the arrays stand out of line, uncompressed, so
that an update copies a pointer, and pages keep room for the row's next version (HOT).
"""

from django.db import migrations

CREATE = """
create table deliveries_delivery (
    planned_on date not null,
    dispatch_id bigint not null,
    customer_id bigint not null,
    device_id bigint not null,
    app_id bigint not null,
    outcome smallint not null,
    gateway smallint not null,
    platform smallint not null,
    variant smallint not null,
    attempt smallint not null,
    language varchar(35) not null,
    code varchar(60) not null,
    vendor_message_id text not null,
    recorded_at timestamptz not null,
    primary key (planned_on, dispatch_id, customer_id, device_id)
) partition by range (planned_on);
create index deliveries_delivery_person on deliveries_delivery (customer_id, planned_on);
create table deliveries_delivery_rest partition of deliveries_delivery default;

create table deliveries_receipt (
    planned_on date not null,
    dispatch_id bigint not null,
    device_id bigint not null,
    type smallint not null,
    at timestamptz not null,
    received_at timestamptz not null,
    action varchar(60) not null,
    primary key (planned_on, dispatch_id, device_id, type)
) partition by range (planned_on);
create table deliveries_receipt_rest partition of deliveries_receipt default;

alter table deliveries_batch alter column device_ids set storage external, alter column customer_ids set storage external,
    alter column variants set storage external, set (fillfactor = 70);
alter table deliveries_pacebucket set (fillfactor = 50);

alter table deliveries_ledgerpage add column xid xid8 not null default pg_current_xact_id();
"""

DROP = """
alter table deliveries_ledgerpage drop column xid;
drop table deliveries_receipt;
drop table deliveries_delivery;
"""


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
