-- Note the traits of customers that a bulk load stored past the services; known ones keep their type.
-- Parameters: app_id, name_limit. Touches customers_traittype.
-- Rows: reads every trait of the app once. A trait of texts is a date only if all its texts are.
with typed as (
    select trait.key as name,
           case jsonb_typeof(trait.value)
               when 'number' then 'number'
               when 'boolean' then 'boolean'
               when 'array' then 'list'
               else case when trait.value #>> '{}' ~ '^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}.*)?$' then 'date' else 'text' end
           end as type
    from customers_customer as customer, jsonb_each(customer.traits) as trait
    where customer.app_id = %(app_id)s
      and jsonb_typeof(trait.value) in ('number', 'boolean', 'array', 'string')
      and length(trait.key) <= %(name_limit)s
)
insert into customers_traittype (app_id, name, type)
select %(app_id)s, name,
       case when bool_or(type = 'text') and mode() within group (order by type) = 'date' then 'text'
            else mode() within group (order by type) end
from typed
group by name
on conflict (app_id, name) do nothing
