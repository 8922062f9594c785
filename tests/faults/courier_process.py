"""A courier alone in a process, to be killed. Run as `python -m tests.faults.courier_process`; it works until then."""

import os
from random import Random

import django

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()

    from django.utils import timezone

    from apps.api.webhooks.services.courier import Courier

    Courier(clock=timezone.now, chance=Random(1), allows_loopback=True).run(lambda: False)
