-- Adds to the meters. Parameters: names, labels, buckets, amounts (parallel). In their order, so never in a circle.
insert into deliveries_meter as meter (name, label, bucket, value)
select added.name, added.label, added.bucket, added.amount
from unnest(%(names)s::text[], %(labels)s::text[], %(buckets)s::float8[], %(amounts)s::float8[])
    as added (name, label, bucket, amount)
order by 1, 2, 3
on conflict (name, label, bucket) do update set value = meter.value + excluded.value
