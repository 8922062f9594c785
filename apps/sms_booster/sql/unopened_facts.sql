-- The first `most` people who did not open, with what a personal text may say about them.
-- Parameters: most; those of unopened.sql. Rows: customer_id, phone, traits, then customers.queries.FACT_COLUMNS.
select person.customer_id, person.phone, customer.traits, customer.external_id, customer.first_name, customer.last_name,
       customer.email, customer.language, customer.country, customer.time_zone
from {{unopened}} person
join customers_customer customer on customer.id = person.customer_id
order by person.customer_id
limit %(most)s
