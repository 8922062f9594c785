-- The device of an address with what registration compares of its person.
-- Parameters: app_id, address_hash. Touches nothing. Rows: at most one. Index: device_address_once.
-- Named SQL although the ORM can say it: most launches end here, and building the query of 60 columns anew costs
-- ten times its execution.
select device.*, customer.external_id as owner_name, customer.erased_at as owner_erased_at,
       customer.push_consent as owner_push_consent, customer.sms_consent as owner_sms_consent
from devices_device as device
join customers_customer as customer on customer.id = device.customer_id
where device.app_id = %(app_id)s and device.address_hash = %(address_hash)s
