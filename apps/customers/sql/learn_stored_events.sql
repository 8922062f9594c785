-- Note the names and properties of events that a bulk load stored past the services.
-- Parameters: app_id, name_limit. Touches customers_eventtype. Rows: reads every event of the app once.
with typed as (
    select event.name, property.key,
           case mode() within group (order by jsonb_typeof(property.value))
               when 'number' then 'number' when 'boolean' then 'boolean' when 'array' then 'list' else 'text'
           end as type
    from customers_event as event
    left join lateral jsonb_each(event.properties) as property on length(property.key) <= %(name_limit)s
    where event.app_id = %(app_id)s
    group by event.name, property.key
)
insert into customers_eventtype (app_id, name, properties)
select %(app_id)s, name, coalesce(jsonb_object_agg(key, type) filter (where key is not null), '{}')
from typed
group by name
on conflict (app_id, name) do update
set properties = excluded.properties || customers_eventtype.properties
