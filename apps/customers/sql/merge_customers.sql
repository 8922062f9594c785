-- One person instead of two: `half` becomes a pointer to `kept`, which takes over profile, consents and events.
-- Parameters: half_id, kept_id (both locked by the caller, neither erased nor merged), now.
-- A fact of `kept` wins, `half` fills the gaps. A no that stands on either side holds for both; where the newest answer
-- of the two would be a yes, that no is written once more (source merge), so that the newest row still decides.
-- Topics of a half that never had a name count only where it chose them: the app's default ones are nobody's choice.
-- Touches customers_customer, customers_consent, customers_event. Returns the events moved.
-- Rows: the half's events. Index: customers_event_person, consent_customer_at, customer_halves.
with half as (
    select * from customers_customer where id = %(half_id)s
),
kept as (
    select * from customers_customer where id = %(kept_id)s
),
side as (
    select * from half
    union all
    select * from kept
),
said as (
    select distinct on (customer_id, topic, channel) customer_id, channel, topic, granted, at, id
    from customers_consent
    where customer_id in (%(half_id)s, %(kept_id)s)
    order by customer_id, topic, channel, at desc, id desc
),
refused as (
    select channel.word as channel, '' as topic
    from (values ('push'), ('sms')) as channel (word)
    where exists (select from side where case channel.word when 'push' then push_consent else sms_consent end is false)
    union all
    select distinct said.channel, said.topic
    from said
    join side on side.id = said.customer_id
    where said.topic <> '' and not said.granted and said.topic <> all (side.topics::text[])
),
chosen as (
    select unnest(kept.topics::text[]) as topic from kept
    union
    select topic
    from (select unnest(half.topics::text[]) as topic, half.external_id is not null as is_named from half) as theirs
    where theirs.is_named or exists (select from said where said.topic = theirs.topic and said.granted)
),
newest as (
    select distinct on (topic, channel) channel, topic, granted from said order by topic, channel, at desc, id desc
),
repeated as (
    insert into customers_consent (customer_id, channel, topic, granted, source, wording, at)
    select %(kept_id)s, refused.channel, refused.topic, false, 'merge', '', %(now)s
    from refused
    left join newest on newest.channel = refused.channel and newest.topic = refused.topic
    where newest.granted is not false
),
consents as (
    update customers_consent set customer_id = %(kept_id)s where customer_id = %(half_id)s
),
events as (
    update customers_event set customer_id = %(kept_id)s where customer_id = %(half_id)s returning 1
),
grown as (
    update customers_customer as customer
    set email = coalesce(nullif(kept.email, ''), half.email),
        phone = coalesce(nullif(kept.phone, ''), half.phone),
        first_name = coalesce(nullif(kept.first_name, ''), half.first_name),
        last_name = coalesce(nullif(kept.last_name, ''), half.last_name),
        language = coalesce(nullif(kept.language, ''), half.language),
        time_zone = coalesce(nullif(kept.time_zone, ''), half.time_zone),
        country = coalesce(nullif(kept.country, ''), half.country),
        traits = half.traits || kept.traits,
        topics = array(
            select topic from chosen where topic not in (select refused.topic from refused) order by topic
        ),
        push_consent = case
            when kept.push_consent is false or half.push_consent is false then false
            else coalesce(kept.push_consent, half.push_consent)
        end,
        sms_consent = case
            when kept.sms_consent is false or half.sms_consent is false then false
            else coalesce(kept.sms_consent, half.sms_consent)
        end,
        created_at = least(kept.created_at, half.created_at),
        updated_at = %(now)s,
        made_by_test = kept.made_by_test and half.made_by_test
    from kept, half
    where customer.id = kept.id
),
emptied as (
    update customers_customer
    set merged_into_id = %(kept_id)s, merged_at = %(now)s, updated_at = %(now)s,
        email = '', phone = '', first_name = '', last_name = '', language = '', time_zone = '', country = '',
        traits = '{}', topics = '{}', push_consent = null, sms_consent = null
    where id = %(half_id)s
),
redirected as (
    update customers_customer set merged_into_id = %(kept_id)s, merged_at = %(now)s where merged_into_id = %(half_id)s
)
select count(*) from events
