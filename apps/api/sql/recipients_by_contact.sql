-- The live devices of whoever has one of up to 1,000 e-mails or phones; one row a device, a person without one has nulls.
-- Parameters: app_ids, kinds smallint[] (2 e-mail, 3 phone), sealed text[], plain text[] (as rows of
-- before keep it, but for an address's capitals), parallel; most: people an address may have.
-- Rows: place (from 1) of the contact, then as recipients_by_customer. Index: customer_email, customer_open_emails,
-- customer_phone.
select asked.place,
       customer.id,
       device.id,
       device.gateway,
       customer.push_consent is distinct from false and customer.erased_at is null as may_be_sent_to
from unnest(%(app_ids)s::bigint[], %(kinds)s::smallint[], %(sealed)s::text[], %(plain)s::text[])
    with ordinality as asked (app_id, kind, sealed, plain, place)
cross join lateral (
    select one.id, one.merged_into_id from customers_customer one
    where asked.kind = 2 and starts_with(asked.sealed, ':1') and one.app_id = asked.app_id and one.email = asked.sealed
      and one.email <> ''
    union all
    select one.id, one.merged_into_id from customers_customer one
    where asked.kind = 2 and one.app_id = asked.app_id and lower(one.email) = asked.plain and one.email <> ''
      and one.email not like ':1%%'
    union all
    select one.id, one.merged_into_id from customers_customer one
    where asked.kind = 3 and one.app_id = asked.app_id and one.phone in (asked.sealed, asked.plain) and one.phone <> ''
    limit %(most)s
) named
join customers_customer customer on customer.id = coalesce(named.merged_into_id, named.id)
left join devices_device device on device.customer_id = customer.id and device.state in ('active', 'stale')
order by asked.place, customer.id, device.last_seen_at desc, device.id
