-- Devices not seen for long: after stale_after they are stale, after dead_after they are dead.
-- Parameters: now, stale_before, dead_before. States: active -> stale, active and stale -> dead.
-- Rows: those that crossed a border since the last tick. Index: none, on purpose (last_seen_at changes at every
-- launch, an index would cost each of them its HOT update); a scan of 1.3 million devices once an hour.
update devices_device
set state = case when last_seen_at < %(dead_before)s then 'dead' else 'stale' end,
    retired_reason = case when last_seen_at < %(dead_before)s then 'not_seen' else retired_reason end,
    retired_at = case when last_seen_at < %(dead_before)s then %(now)s else retired_at end
where (state = 'active' and last_seen_at < %(stale_before)s)
   or (state = 'stale' and last_seen_at < %(dead_before)s)
