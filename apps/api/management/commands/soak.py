"""`soak`: a house of its own under load and random faults, and a checker that computes the truth anew.

The command runs twice: outside, it starts `up` on a data directory and ports of its own, and itself again inside,
where Django sees only that house. So no real row and no real process is ever touched.
"""

import json
import signal
import sys
from argparse import ArgumentParser
from random import SystemRandom
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.api.soak.outside import NotReady, run_inside
from apps.api.soak.run import Order, soak
from config import env

_INTERRUPTED = 130
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _Stopped(BaseException):
    """SIGTERM, SIGHUP or Ctrl-C came."""


class Command(BaseCommand):
    help = "Random faults under load in a house of its own, then the checker; exit 1 with the first broken promise."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--minutes", type=float, default=30, help="how long load and faults go on")
        parser.add_argument("--seed", type=int, help="what all is drawn from (default: by chance)")
        parser.add_argument("--people", type=int, default=3000)
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object on the last line")
        parser.add_argument("--keep", action="store_true", help="leave the house's data directory behind")
        for name in ("--up-pid", "--port", "--sandbox-port"):
            parser.add_argument(name, type=int, help="(used by the command itself)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["up_pid"]:
            self._inside(options)
            return
        if env.IS_PRODUCTION:
            raise CommandError("soak needs the sandbox, which HELIOGRAPH_ENV=production does not have")
        for number in _SIGNALS:
            signal.signal(number, _stop)
        seed = SystemRandom().randrange(10**6) if options["seed"] is None else options["seed"]
        self.stderr.write(f"seed {seed}")
        try:
            code = run_inside([*sys.argv[1:], "--seed", str(seed)], keeps=options["keep"], say=self.stderr.write)
        except NotReady as error:
            raise CommandError(str(error)) from error
        except _Stopped:
            self.stderr.write("stopped")
            code = _INTERRUPTED
        raise SystemExit(code)

    def _inside(self, options: dict[str, Any]) -> None:
        order = Order(**{name: options[name] for name in Order.__dataclass_fields__})
        told = soak(order, self.stderr.write)
        for key, value in told.items():
            self.stderr.write(f"{key:>20}  {value}")
        if options["json"]:
            self.stdout.write(json.dumps(told))
        if told["broken"]:
            raise SystemExit(1)


def _stop(number: int, frame: FrameType | None) -> None:
    for one in _SIGNALS:  # a second one may not disturb the clearing away
        signal.signal(one, signal.SIG_IGN)
    raise _Stopped
