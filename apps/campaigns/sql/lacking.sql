-- How many people of an audience lack each of some facts, so that a text without a fallback shows a gap.
-- Parameters: names; those of the audience. Rows: name, people who lack it, people in all.
-- At a million people and two names: see README, "Figures". A filled column wins over a trait of its name.
select asked.name,
       count(*) filter (where coalesce(
           nullif(case asked.name
               when 'external_id' then customer.external_id
               when 'first_name' then customer.first_name
               when 'last_name' then customer.last_name
               when 'email' then customer.email
               when 'language' then customer.language
               when 'country' then customer.country
               when 'time_zone' then customer.time_zone
           end, ''),
           nullif(customer.traits ->> asked.name, '')
       ) is null),
       count(*)
from {{audience}} audience
join customers_customer customer on customer.id = audience.customer_id and customer.erased_at is null
cross join unnest(%(names)s::text[]) asked (name)
group by asked.name
order by asked.name
