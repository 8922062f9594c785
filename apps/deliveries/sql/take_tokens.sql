-- Takes up to `asked` tokens from each bucket, refilled for the time gone by; a negative `asked` gives back.
-- A bucket holds one token and one second of its rate: what a worker comes late for is not lost, and no minute has more
-- than 60 + 1 seconds' worth and one: within a fiftieth.
-- Parameters: owners, rates, asked (parallel), now. Rows: one a bucket: owner, granted.
-- The row lock until commit is what shares the pace among all workers; taken in order of id, so never in a circle.
update deliveries_pacebucket bucket
set tokens = filled.tokens - filled.granted, refilled_at = greatest(bucket.refilled_at, %(now)s::timestamptz)
from (
    select level.id, level.tokens, floor(least(level.asked, level.tokens)) as granted
    from (
        select bucket.id, asked.asked,
               least(
                   asked.rate + 1,
                   bucket.tokens
                   + greatest(extract(epoch from %(now)s::timestamptz - bucket.refilled_at)::float8, 0) * asked.rate
               ) as tokens
        from unnest(%(owners)s::text[], %(rates)s::float8[], %(asked)s::int[]) as asked (owner, rate, asked)
        join deliveries_pacebucket bucket on bucket.owner = asked.owner
        order by bucket.id
        for update of bucket
    ) level
) filled
where bucket.id = filled.id
returning bucket.owner, filled.granted::int
