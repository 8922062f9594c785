-- Who stands behind up to 1,000 addresses of one app.
-- Parameters: app_id, hashes bytea[] (SHA-256 of the addresses).
-- Index: device_address_once, then customers' primary key. Cost: 0.3 ms for one, 8 ms for 1,000.
select device.address_hash,
       device.id,
       device.customer_id,
       device.gateway,
       device.state in ('active', 'stale') as is_live,
       customer.push_consent is distinct from false and customer.erased_at is null as may_be_sent_to
from devices_device device
join customers_customer customer on customer.id = device.customer_id
where device.app_id = %(app_id)s
  and device.address_hash = any(%(hashes)s)
