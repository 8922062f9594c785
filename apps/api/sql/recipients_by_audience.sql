-- The live devices of an audience, one row a device; a person without one has a row of nulls.
-- Parameters: most; part: audience (selects customer_id). Returns at most `most` people.
-- Index: primary key of customers, devices by customer.
select customer.external_id,
       customer.id,
       device.id,
       device.gateway,
       customer.push_consent is distinct from false and customer.erased_at is null as may_be_sent_to
from (select distinct customer_id from {{audience}} member order by customer_id limit %(most)s) chosen
join customers_customer customer on customer.id = chosen.customer_id
left join devices_device device on device.customer_id = customer.id and device.state in ('active', 'stale')
order by customer.id, device.last_seen_at desc, device.id
