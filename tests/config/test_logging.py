"""Log lines: their shape, and that a reader who stops reading stops nobody."""

import json
import os
import subprocess
import sys

from config.env import BASE_DIR

SPEAK = """
import logging.config, sys
from config.logging import configuration
logging.config.dictConfig(configuration(as_json=True))
import structlog
"""


def run(code: str, **pipes: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SPEAK + code]
    return subprocess.run(command, cwd=BASE_DIR, text=True, check=True, timeout=150, **pipes)


def test_a_line_is_one_json_object_whoever_speaks() -> None:
    said = run(
        "structlog.get_logger('ours').info('sent', dispatch=7)\n"
        "logging.getLogger('theirs').warning('slow %s', 'gateway', extra={'seconds': 3})\n",
        stderr=subprocess.PIPE,
    )
    ours, theirs = map(json.loads, said.stderr.splitlines())
    assert (ours["event"], ours["dispatch"], ours["level"], ours["logger"]) == ("sent", 7, "info", "ours")
    assert (theirs["event"], theirs["seconds"], theirs["level"]) == ("slow gateway", 3, "warning")


def test_an_exception_is_inside_its_line() -> None:
    code = "try:\n    1 / 0\nexcept ZeroDivisionError:\n    structlog.get_logger().exception('broken')\n"
    (line,) = run(code, stderr=subprocess.PIPE).stderr.splitlines()
    assert "ZeroDivisionError" in json.loads(line)["exception"]


def test_a_full_pipe_stops_no_work() -> None:
    read_end, write_end = os.pipe()  # nobody reads: 64 kB fit, then writers wait
    try:
        code = "for number in range(20_000):\n    structlog.get_logger().info('x' * 100)\nprint('done')\nos_exit = 0\n"
        said = run(code + "import os; sys.stdout.flush(); os._exit(0)", stderr=write_end, stdout=subprocess.PIPE)
    finally:
        os.close(read_end)
        os.close(write_end)
    assert said.stdout == "done\n"


def test_a_full_disk_costs_lines_and_not_the_log() -> None:
    code = (
        "import logging, os\n"
        "waiting = logging.getLogger().handlers[0]._waiting\n"
        "good, full = os.dup(2), os.open('/dev/full', os.O_WRONLY)\n"
        "log = structlog.get_logger()\n"
        "for target, word in ((full, 'lost'), (good, 'kept')):\n"
        "    os.dup2(target, 2)\n"
        "    log.info(word)\n"
        "    waiting.join()\n"
    )
    said = run(code, stderr=subprocess.PIPE).stderr
    assert "kept" in said
    assert "1 log lines were dropped" in said
