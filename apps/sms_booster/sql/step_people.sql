-- Who of some people can get an automation's SMS, with what a text may say about them: consent to SMS, a phone (one
-- person a phone), in the topic, and not of its hold-out, which is drawn as for its pushes (deliveries/sql/plan_people.sql).
-- Parameters: customer_ids, topic ("" = any), salt, holdout_percent. Rows: customer_id, phone, traits, then
-- customers.queries.FACT_COLUMNS.
select distinct on (customer.phone) customer.id, customer.phone, customer.traits::text, customer.external_id,
       customer.first_name, customer.last_name, customer.email, customer.language, customer.country, customer.time_zone
from customers_customer customer
where customer.id = any(%(customer_ids)s::bigint[]) and customer.sms_consent and customer.phone <> ''
  and customer.erased_at is null and (%(topic)s::text = '' or %(topic)s::text = any(customer.topics))
  and ((hashtextextended(%(salt)s::text || ':' || customer.id, 0) >> 32) & 4294967295) * 100.0::float8 / 4294967296
      >= %(holdout_percent)s::float8
order by customer.phone, customer.id
