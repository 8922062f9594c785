-- Takes what was appended to the ledger lately into deliveries_delivery_time; what is not in it is read by every search.
-- Parameters: since, until (days: the Mondays of the weeks). Rows: one a week, the stretches of 32 pages that were new.
-- Cost: 1 ms a week and a read of what is new. Tried: autosummarize, whose queue of 256 is full in seconds of a campaign.
select brin_summarize_new_values(leaf.relid)
from pg_partition_tree('deliveries_delivery_time') leaf
join pg_index index on index.indexrelid = leaf.relid
cross join lateral (
    select to_date(substring(index.indrelid::regclass::text from '_(\d{8})$'), 'YYYYMMDD') as monday
) week
where leaf.isleaf
  and (week.monday is null or week.monday between %(since)s::date and %(until)s::date)
