"""The command lines of the programs that make up the house, for `up` and for `run` alike."""

import sys

from config.queues import BULK, UPKEEP, URGENT

# Threads of a worker. One process holds one event loop for the gateways, and works on its lane in one thread of these;
# the others are for the ticks of the same queue.
THREADS = {URGENT: 4, BULK: 2, UPKEEP: 2}
# How far a lane stands back where the processor is short (nice(1)): a campaign may not delay a push or a page.
STANDS_BACK = {URGENT: 0, BULK: 5, UPKEEP: 0}
# 2 processes for 2 cores. Threads are what pushes that come together can share a transaction with (core.group_commit):
# 16 instead of 4 took a quarter off the CPU of a push. Each thread keeps one database connection.
WEB_PROCESSES = 2
WEB_THREADS = 16

CELERY = [sys.executable, "-m", "celery", "--app", "config", "--quiet"]
# The checks would load every screen and address of the web server into each worker; `migrate` has made them.
CELERY_ENVIRONMENT = {"CELERY_SKIP_CHECKS": "1"}


def web(host: str, port: int) -> list[str]:
    """The web server: graceful stop within 3 s, a killed process replaced in half a second."""
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--host", host, "--port", str(port)]
    command += ["--workers", str(WEB_PROCESSES), "--blocking-threads", str(WEB_THREADS)]
    command += ["--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "3"]
    return [*command, "--log-level", "warning", "config.wsgi:application"]


def worker(lane: str, name: str) -> list[str]:
    """A worker of one lane. Gossip and its kin are broadcasts among workers, who have nothing to tell each other."""
    command = [*CELERY, "worker", "--queues", lane, "--pool", "threads", "--concurrency", str(THREADS[lane])]
    command += ["--hostname", f"{name}@%h", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    behind = ["nice", "-n", str(STANDS_BACK[lane])] if STANDS_BACK[lane] else []
    return [*behind, *command, "--loglevel", "WARNING"]


def beat() -> list[str]:
    """The clock. Exactly one may run."""
    return [*CELERY, "beat", "--pidfile=", "--loglevel", "WARNING"]
