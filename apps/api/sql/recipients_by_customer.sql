-- The live devices of up to 1,000 customers, each of one app; one row a device, a person without one has a row of nulls.
-- Parameters: app_ids, external_ids text[], parallel and without repeats.
-- Index: customer_external_id_once, then devices by customer. Cost: 0.4 ms for one.
select asked.external_id,
       customer.id,
       device.id,
       device.gateway,
       customer.push_consent is distinct from false and customer.erased_at is null as may_be_sent_to,
       customer.app_id
from unnest(%(app_ids)s::bigint[], %(external_ids)s::text[]) as asked (app_id, external_id)
join customers_customer named on named.app_id = asked.app_id and named.external_id = asked.external_id
join customers_customer customer on customer.id = coalesce(named.merged_into_id, named.id)
left join devices_device device on device.customer_id = customer.id and device.state in ('active', 'stale')
order by customer.id, device.last_seen_at desc, device.id
