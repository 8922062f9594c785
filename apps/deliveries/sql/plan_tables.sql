-- The planner's workbench: temporary tables that end with its transaction.
-- What was tried and lost: one statement of CTEs (no statistics between the steps; nested loops at a million).
drop table if exists pg_temp.plan_audience, pg_temp.plan_spent, pg_temp.plan_person, pg_temp.plan_device, pg_temp.plan_tally,
    pg_temp.plan_zone;
create temporary table plan_audience (customer_id bigint not null) on commit drop;
create temporary table plan_spent (customer_id bigint not null, is_of_topic boolean not null) on commit drop;
create temporary table plan_person (
    customer_id bigint not null,
    reason smallint not null,
    variant smallint not null,
    hour smallint not null,
    time_zone text not null
) on commit drop;
create temporary table plan_device (
    customer_id bigint not null,
    device_id bigint not null,
    gateway smallint not null,
    platform smallint not null,
    variant smallint not null,
    reason smallint not null,
    hour smallint not null,
    time_zone text not null
) on commit drop;
create temporary table plan_tally (
    reason smallint not null,
    gateway smallint not null,
    platform smallint not null,
    variant smallint not null,
    time_zone text not null,
    hour smallint not null,
    devices bigint not null
) on commit drop;
create temporary table plan_zone (
    time_zone text not null,
    hour smallint not null,
    release_at timestamptz not null,
    not_after timestamptz,
    expires_at timestamptz not null,
    reason smallint not null
) on commit drop;
