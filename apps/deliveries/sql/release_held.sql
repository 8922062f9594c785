-- Gives the held rest of an A/B audience its variant. held -> waiting; who waits for the morning goes on waiting for it.
-- Parameters: dispatch_id, variant. Rows: one a batch (a million people: 1,000 rows). Relies on: batch_open.
-- In the transaction that holds the dispatch's row, so that a cancel comes either before or after it.
update deliveries_batch batch
set state = 'waiting', variants = array_fill(%(variant)s::smallint, array[cardinality(batch.device_ids)])
where batch.dispatch_id = %(dispatch_id)s::bigint and batch.state = 'held'
returning cardinality(batch.device_ids)
