-- Whose quiet hours it is waits until they end, still inside: until then an exit event takes them out.
-- Parameters: zones, opens (parallel arrays). Touches automation_picked (they are picked no longer).
with later as (
    delete from automation_picked picked
    using unnest(%(zones)s::text[], %(opens)s::timestamptz[]) as quiet (zone, opens_at)
    where picked.time_zone = quiet.zone
    returning picked.run_id, quiet.opens_at
)
update campaigns_automationrun run set due_at = later.opens_at from later where run.id = later.run_id
