-- Who of some people can get an automation's SMS, with what a text may say about them: consent to SMS, a phone (one
-- person a phone), in the topic. Parameters: customer_ids, topic ("" = any).
-- Rows: customer_id, phone, traits, then customers.queries.FACT_COLUMNS.
select distinct on (customer.phone) customer.id, customer.phone, customer.traits::text, customer.external_id,
       customer.first_name, customer.last_name, customer.email, customer.language, customer.country, customer.time_zone
from customers_customer customer
where customer.id = any(%(customer_ids)s::bigint[]) and customer.sms_consent and customer.phone <> ''
  and customer.erased_at is null and (%(topic)s::text = '' or %(topic)s::text = any(customer.topics))
order by customer.phone, customer.id
