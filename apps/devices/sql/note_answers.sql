-- Adds what a gateway answered to its channel's gauge; a window that is over becomes the one before.
-- Parameters: channel_id, calls, throttled, failures, deaths, window (seconds), now.
-- Rows: one: calls, throttled, failures, deaths of both windows, the seconds they cover, and
-- whether the channel is slowed.
insert into devices_channelgauge as gauge (
    channel_id, began_at, calls, throttled, failures, deaths, calls_before, throttled_before, failures_before, deaths_before
)
values (%(channel_id)s, %(now)s, %(calls)s, %(throttled)s, %(failures)s, %(deaths)s, 0, 0, 0, 0)
on conflict (channel_id) do update
set began_at = case when %(now)s >= gauge.began_at + %(window)s * interval '1 second' then %(now)s else gauge.began_at end,
    (calls, throttled, failures, deaths, calls_before, throttled_before, failures_before, deaths_before) = (
        select case when is_over then excluded.calls else gauge.calls + excluded.calls end,
               case when is_over then excluded.throttled else gauge.throttled + excluded.throttled end,
               case when is_over then excluded.failures else gauge.failures + excluded.failures end,
               case when is_over then excluded.deaths else gauge.deaths + excluded.deaths end,
               case when is_long_over then 0 when is_over then gauge.calls else gauge.calls_before end,
               case when is_long_over then 0 when is_over then gauge.throttled else gauge.throttled_before end,
               case when is_long_over then 0 when is_over then gauge.failures else gauge.failures_before end,
               case when is_long_over then 0 when is_over then gauge.deaths else gauge.deaths_before end
        from (
            select %(now)s >= gauge.began_at + %(window)s * interval '1 second' as is_over,
                   %(now)s >= gauge.began_at + 2 * %(window)s * interval '1 second' as is_long_over
        ) age
    )
returning calls + calls_before, throttled + throttled_before, failures + failures_before, deaths + deaths_before,
          extract(epoch from %(now)s - began_at)::float8
          + case when calls_before > 0 then %(window)s else 0 end,
          (select channel.slowed_to_per_second is not null from devices_channel channel where channel.id = %(channel_id)s)
