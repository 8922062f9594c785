-- A launch zone by zone: when each one's turn is, how many devices it has, and of how many it is known what became of them.
-- Parameters: dispatch_id. Devices on a further try count in their first batch. Rows: at most zones times hours.
-- Relies on: the foreign key's index. Cost: with the batches; 1,000 of them to a million people.
select batch.release_at, batch.time_zone, sum(cardinality(batch.variants))::bigint,
       sum(case when batch.state in ('done', 'cancelled') then cardinality(batch.variants) else batch.recorded end)::bigint
from deliveries_batch batch
where batch.dispatch_id = %(dispatch_id)s::bigint and batch.tries = 0
group by batch.release_at, batch.time_zone
order by batch.release_at, 3 desc
