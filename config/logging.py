"""Logs: one JSON object a line in production, coloured text elsewhere, on stderr, and never in the way of the work.

Our modules use `structlog.get_logger()`; what libraries say through `logging` comes out in the same shape.
"""

import atexit
import logging
import os
import queue
import sys
import threading
from typing import Any

import structlog

LONGEST_QUEUE = 10_000
FLUSH_SECONDS = 1.0


class UnblockingHandler(logging.Handler):
    """Hands lines to a thread that writes them, so that a full pipe or a slow disk stops no sending.

    When 10,000 lines wait, newer ones are dropped and counted; the count is said once there is room again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: queue.Queue[str] = queue.Queue(LONGEST_QUEUE)
        self._writer_pid = 0
        self._dropped = 0
        atexit.register(self._drain)

    def emit(self, record: logging.LogRecord) -> None:
        self._start_writer_of_this_process()
        try:
            line = self.format(record)
            if self._dropped:
                line = f"{self._dropped} log lines were dropped\n{line}"
            self._waiting.put_nowait(line)
            self._dropped = 0
        except queue.Full:
            self._dropped += 1

    def _start_writer_of_this_process(self) -> None:
        """A fork copies the queue but not the thread."""
        if self._writer_pid != os.getpid():
            self._writer_pid = os.getpid()
            threading.Thread(target=self._write, name="log writer", daemon=True).start()

    def _write(self) -> None:
        while True:
            line = self._waiting.get()
            try:
                sys.stderr.write(f"{line}\n")
                sys.stderr.flush()
            except OSError:  # a full disk, a reader that is gone: this line is lost, not the writer
                self._dropped += 1
            self._waiting.task_done()

    def _drain(self) -> None:
        """At exit: give the writer a moment for what waits."""
        if self._writer_pid == os.getpid():
            with self._waiting.all_tasks_done:
                self._waiting.all_tasks_done.wait_for(lambda: not self._waiting.unfinished_tasks, FLUSH_SECONDS)


def configuration(*, as_json: bool, level: str = "INFO") -> dict[str, Any]:
    """For settings.LOGGING. Touches: structlog's own configuration."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(sort_keys=False)]
    else:
        last += [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                exception_formatter=structlog.dev.plain_traceback,  # the rich one would print local variables
            )
        ]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "house": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": last,
                "foreign_pre_chain": [structlog.stdlib.ExtraAdder(), *shared],
            }
        },
        "filters": {"losses": {"()": "apps.core.outage.LeaveOutLosses"}},
        "handlers": {"stderr": {"()": UnblockingHandler, "formatter": "house", "filters": ["losses"]}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers would print twice; bad hosts and 404s are the visitor's errors, not ours.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "django.request": {"level": "ERROR"},
            "celery.app.trace": {"level": "WARNING"},  # else two lines for each wake-up
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.worker.request": {"level": "WARNING"},  # else a line for each wake-up that came too late
            "celery.beat": {"level": "WARNING"},
            "django_celery_beat": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
        },
    }
