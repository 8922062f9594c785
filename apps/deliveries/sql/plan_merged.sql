-- Who was merged since the audience was computed stands in it as the person they are part of, once.
-- Parameters: none. Touches plan_audience. Rows: few. Index: customer_halves.
with merged as (
    delete from plan_audience audience
    using customers_customer half
    where half.id = audience.customer_id and half.merged_into_id is not null
    returning half.merged_into_id as customer_id
)
insert into plan_audience (customer_id)
select distinct merged.customer_id
from merged
where not exists (select from plan_audience audience where audience.customer_id = merged.customer_id)
