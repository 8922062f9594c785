"""Audience: the people of some segments without those of others, as a query for the engine."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.core.problems import FieldProblem, InvalidInput
from apps.core.sql import Compiled
from apps.segments.models import Segment
from apps.segments.services.refresh import SegmentBroken

# One row a person: the unique index holds one open membership per segment, and `group by` folds several segments.
_MEMBERS = """
select member.customer_id
from segments_segmentmember as member
where member.segment_id = any (%(audience_include)s) and member.left_at is null
  and not exists (
      select
      from segments_segmentmember as excluded
      where excluded.customer_id = member.customer_id and excluded.left_at is null
        and excluded.segment_id = any (%(audience_exclude)s)
  )
group by member.customer_id
"""


_PEOPLE = """
select named.id as customer_id
from unnest(%(audience_people)s::bigint[]) as named (id)
where not exists (
    select
    from segments_segmentmember as excluded
    where excluded.customer_id = named.id and excluded.left_at is null
      and excluded.segment_id = any (%(audience_exclude)s)
)
"""


def compile_people(*, customer_ids: Sequence[int], exclude_ids: Sequence[int]) -> Compiled:
    """These people, without the members of some segments; each id once. Whether the segments are whole is not asked."""
    people = {"audience_people": list(dict.fromkeys(customer_ids)), "audience_exclude": list(exclude_ids)}
    return Compiled(_PEOPLE, people)


def compile_audience(*, app: App, include_ids: Sequence[int], exclude_ids: Sequence[int]) -> Compiled:
    """Members of any of the one, of none of the other, as they were last refreshed; selects customer_id.

    Raises InvalidInput (required, unknown_segment), SegmentBroken with the names of those that are broken: sending
    to a half-known audience, or missing an exclusion, is worse than not sending.
    """
    wanted = [*include_ids, *exclude_ids]
    segments = Segment.objects.in_bulk(wanted)
    if not include_ids:
        raise InvalidInput([FieldProblem("/include", "required", _("choose at least one segment"))])
    unknown = [one for one in wanted if one not in segments or segments[one].app_id != app.pk]
    if unknown:
        message = _("there is no such segment in this app")
        raise InvalidInput([FieldProblem("/include", "unknown_segment", message, str(one)) for one in unknown])
    broken = {one.name: one.broken_reason for one in segments.values() if one.state == "broken"}
    if broken:
        raise SegmentBroken(broken)
    return Compiled(_MEMBERS, {"audience_include": list(include_ids), "audience_exclude": list(exclude_ids)})
