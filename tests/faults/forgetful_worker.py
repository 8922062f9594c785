"""A worker whose broker gives a message out again after 5 s: `python -m tests.faults.forgetful_worker LOG ARGUMENTS`.

ARGUMENTS are Celery's. The id of every task that begins is appended to LOG, so that one given out twice is seen.
"""

import sys
from pathlib import Path
from typing import Any

from celery import signals

from config.celery import app

if __name__ == "__main__":
    log = Path(sys.argv[1])

    @signals.task_prerun.connect
    def _note(task_id: str, **_: Any) -> None:
        with log.open("a") as lines:
            lines.write(f"{task_id}\n")

    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options,
        "visibility_timeout": 5,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    }
    app.worker_main(sys.argv[2:])
