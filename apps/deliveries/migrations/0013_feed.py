"""What readers of the feed go by: pages in the order of their transactions, receipts by the time of writing (as 0011 does
for the ledger).

BRIN, because the table only grows: it costs a writer next to nothing, where a B-tree entry a row would cost 60 bytes of
WAL. A receipt keeps the variant its delivery id named, so that the id can be told again before the ledger has its row.
"""

from django.db import migrations

CREATE = """
create index ledger_page_feed on deliveries_ledgerpage (xid, id);
create index deliveries_receipt_time on deliveries_receipt
    using brin (received_at) with (pages_per_range = 32, autosummarize = on);
alter table deliveries_receipt add column variant smallint;
"""

DROP = """
alter table deliveries_receipt drop column variant;
drop index deliveries_receipt_time;
drop index ledger_page_feed;
"""


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0012_opening_hours")]
    operations = [migrations.RunSQL(CREATE, DROP)]
