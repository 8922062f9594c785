"""The events table: partitioned by week, because retention drops whole weeks and rules look at windows.

The covering index answers "did X at least N times, sum of amount" without touching the table
(measured: performance.md, "Database").
"""

from django.db import migrations

CREATE = """
create sequence customers_event_id_seq as bigint;
create table customers_event (
    id bigint not null default nextval('customers_event_id_seq'),
    app_id bigint not null references accounts_app (id),
    customer_id bigint not null,
    name varchar(100) not null,
    occurred_at timestamptz not null,
    amount double precision,
    properties jsonb not null default '{}',
    primary key (occurred_at, id)
) partition by range (occurred_at);
create index customers_event_rule on customers_event (app_id, name, customer_id, occurred_at) include (amount);
create index customers_event_person on customers_event (customer_id, occurred_at);
create table customers_event_rest partition of customers_event default;
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, "drop table customers_event; drop sequence customers_event_id_seq")]
