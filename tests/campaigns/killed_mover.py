"""Moves people through automations in processes that are killed (SIGKILL) before a statement drawn by lot.

python tests/campaigns/killed_mover.py SEED NOW     prints how many were killed before one came to the end
"""

import os
import random
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

MOST_PROCESSES = 200


def main(seed: str, now: str) -> None:
    import django

    django.setup()
    chance = random.Random(seed)
    for killed in range(MOST_PROCESSES):
        last = chance.randint(1, 60)
        child = os.fork()  # before anybody has a connection
        if child == 0:
            _tick(datetime.fromisoformat(now), last)
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            print(killed)
            return
    raise SystemExit("nobody came to the end")


def _tick(now: datetime, last: int) -> None:
    from django.db import connection

    from apps.campaigns.services.automations.entering import take_arrivals
    from apps.campaigns.services.automations.moving import move_due

    statements = 0

    def count(execute: Callable[..., Any], *statement: Any) -> Any:
        nonlocal statements
        statements += 1
        if statements == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*statement)

    with connection.execute_wrapper(count):
        take_arrivals(now)
        move_due(now)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main(*sys.argv[1:])
