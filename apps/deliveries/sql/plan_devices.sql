-- Decides per device: one row each, device 0 for a person who has none that fits.
-- The hold-out is drawn from those who would get it: who has no device, or a stale one, is left out for that.
-- Parameters: platforms (words; empty = all), gateways and platform_words (in the order of their numbers),
-- excludes_stale, needs_zones (else one zone for all). Part: devices = the live devices to choose from.
-- Rows: 1.3 a person (1M people: 3 s).
insert into plan_device (customer_id, device_id, gateway, platform, variant, reason, hour, time_zone)
select person.customer_id,
       coalesce(device.id, 0),
       coalesce(array_position(%(gateways)s::text[], device.gateway::text), 0),
       coalesce(array_position(%(platform_words)s::text[], device.platform::text), 0),
       person.variant,
       case
           when person.reason not in (0, 24) then person.reason
           when device.id is null then 21
           when device.state = 'stale' and %(excludes_stale)s then 29
           else person.reason
       end,
       person.hour,
       case when %(needs_zones)s then coalesce(nullif(person.time_zone, ''), device.time_zone, '') else '' end
from plan_person person
left join {{devices}} device on device.customer_id = person.customer_id
