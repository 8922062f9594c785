"""When people usually open pushes."""

from typing import ClassVar

from django.db import models


class OpeningHour(models.Model):
    """At which hour of their own day somebody usually opens a push (services.habits). Who has no row has no habit yet.

    opens: how many pushes of the last 90 days it rests on. A raw id, as in the ledger: rows change by the million.
    """

    customer_id = models.BigIntegerField(primary_key=True)
    app_id = models.BigIntegerField()
    hour = models.SmallIntegerField()
    opens = models.PositiveIntegerField()
    computed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(hour__gte=0, hour__lte=23), name="opening_hour_of_day")
        ]


class HabitsRun(models.Model):
    """How far the habits are learnt (services.habits): one row. whole_at: when last everybody's were."""

    learnt_at = models.DateTimeField()
    whole_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
