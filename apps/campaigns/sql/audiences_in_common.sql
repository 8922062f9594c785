-- How many people planned campaigns have, and how many each two of them have in common.
-- Parameters: most (only the first so many places), those of the part. Part: people = audience_masks.
-- Rows: place, place (the same = its own people), people. The caller sets the time limit.
-- Tried and lost: joining the people of each campaign with those of each other: five campaigns to a million 20 s.
with pattern as materialized (
    select person.mask, count(*) as people from {{people}} person group by person.mask
)
select one.place, other.place, sum(pattern.people)::bigint
from pattern
cross join generate_series(0, %(most)s::int - 1) as one (place)
cross join lateral generate_series(one.place, %(most)s::int - 1) as other (place)
where get_bit(pattern.mask, one.place) = 1 and get_bit(pattern.mask, other.place) = 1
group by one.place, other.place
order by one.place, other.place
