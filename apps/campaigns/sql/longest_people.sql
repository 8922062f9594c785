-- The people of an audience whose facts are longest, for whom a push weighs most.
-- Parameters: names (the facts a text prints), most; those of the audience. Rows: customer_id, the heaviest first.
-- Cost: as lacking.sql, one pass over the audience. A filled column wins over a trait of its name.
-- A sealed e-mail (core.sealing) weighs what it is once opened.
select customer.id
from {{audience}} audience
join customers_customer customer on customer.id = audience.customer_id and customer.erased_at is null
cross join lateral (
    select sum(octet_length(coalesce(
               nullif(case asked.name
                   when 'external_id' then customer.external_id
                   when 'first_name' then customer.first_name
                   when 'last_name' then customer.last_name
                   when 'email' then case
                       when starts_with(customer.email, ':1')
                       then repeat('x', octet_length(split_part(customer.email, '.', 2)) * 3 / 4 - 16)
                       else customer.email
                   end
                   when 'language' then customer.language
                   when 'country' then customer.country
                   when 'time_zone' then customer.time_zone
               end, ''),
               customer.traits ->> asked.name, ''
           ))) as bytes
    from unnest(%(names)s::text[]) asked (name)
) weight
order by weight.bytes desc, customer.id
limit %(most)s::int
