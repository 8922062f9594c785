"""What workers count for /metrics."""

from typing import ClassVar

from django.db import models


class Meter(models.Model):
    """What only workers can count, for /metrics; each adds what it has once a second.

    name: gateway_seconds (bucket: its upper bound in seconds; slices), accept_to_gateway_seconds (the same; devices),
    each with a _sum, and maybe_duplicate.
    """

    name = models.CharField(max_length=30)
    label = models.CharField(max_length=20, blank=True)
    bucket = models.FloatField(default=0.0)
    value = models.FloatField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["name", "label", "bucket"], name="meter_once")]
