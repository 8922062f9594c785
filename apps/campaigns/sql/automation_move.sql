-- Moves the picked on, and says whom: the compare-and-set of every step. Whoever has an exit event waiting in the queue
-- stays where they are; it takes them out with the next look at the queue.
-- Parameters: automation_id, position, to_position, is_end, due_at, zones, dues (parallel: a zone's own due_at), matches, now.
-- States: inside -> inside, one step on, or done. Touches automation_taken. Rows: one a run (figures: README).
-- Index: the runs' key. Reads the queue once.
-- Tried: asking the queue for each run; it has no index of people, so 20,000 moves read it 20,000 times (1.1 of 1.5 s).
with moved as (
    update campaigns_automationrun run
    set position = %(to_position)s,
        state = case when %(is_end)s then 'done' else 'inside' end,
        ended_at = case when %(is_end)s then %(now)s::timestamptz end,
        due_at = coalesce(zone.due_at, %(due_at)s)
    from automation_picked picked
    left join unnest(%(zones)s::text[], %(dues)s::timestamptz[]) as zone (name, due_at) on zone.name = picked.time_zone
    where run.id = picked.run_id and picked.matches = %(matches)s
      and run.position = %(position)s and run.state = 'inside'
      and run.customer_id not in (
          select arrival.customer_id
          from customers_eventarrival arrival
          join campaigns_automation automation
            on automation.id = %(automation_id)s
           and automation.app_id = arrival.app_id
           and arrival.name = any(automation.exit_events)
      )
    returning run.id, run.customer_id
)
insert into automation_taken (run_id, customer_id) select moved.id, moved.customer_id from moved
