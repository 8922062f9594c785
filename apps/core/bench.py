"""Measuring: wall time, CPU and memory of a piece of work and of the processes it started.

The CPU counted is this process's and that of children it has waited for. The database's is asked for apart
(apps.core.cpu); what else is left out, every benchmark says itself.
"""

import json
import os
import platform
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass(slots=True)
class Measured:
    """One benchmark's result. rate is items per second; extra fields are spread into the JSON beside the others."""

    name: str
    seconds: float
    unit: str
    rows: int
    cpu_us_per_item: float
    peak_rss_mb: float
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.rows / self.seconds if self.seconds else 0.0

    def as_json(self) -> str:
        """One line, keys as in the contract's section 6."""
        values = asdict(self)
        extra = values.pop("extra")
        return json.dumps({**values, "rate": round(self.rate, 1), "machine": machine(), **extra})


@dataclass(slots=True)
class Stopwatch:
    """What a `timed` block took; filled when the block ends."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_rss_mb: float = 0.0

    def measured(self, name: str, *, unit: str, rows: int, **extra: Any) -> Measured:
        cpu = self.cpu_seconds * 1e6 / rows if rows else 0.0
        return Measured(name, round(self.seconds, 4), unit, rows, round(cpu, 2), round(self.peak_rss_mb, 1), extra)


@contextmanager
def timed() -> Iterator[Stopwatch]:
    """Measure the block. Peak memory is the largest single process's, since the process began."""
    watch = Stopwatch()
    cpu, started = _cpu_seconds(), time.perf_counter()
    yield watch
    watch.seconds = time.perf_counter() - started
    watch.cpu_seconds = _cpu_seconds() - cpu
    watch.peak_rss_mb = max(_usage(who).ru_maxrss for who in _WHO) / 1024


def peak_child_mb() -> float:
    """Peak memory of the largest process that was started here and has ended."""
    return _usage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def medians(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Several runs' JSON objects as one: each number is the median of its own, also inside a table of numbers.

    Anything else is the last run's. `runs` holds each run's rate, so that the spread can be seen.
    """
    middle = {key: _median([run.get(key) for run in runs]) for key in runs[-1]}
    return {**middle, "runs": [run["rate"] for run in runs]}


def _median(values: Sequence[Any]) -> Any:
    if all(isinstance(value, Mapping) for value in values):
        return {key: _median([value.get(key) for value in values]) for key in values[-1]}
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        middle = median(values)
        return round(middle) if all(isinstance(value, int) for value in values) else round(middle, 4)
    return values[-1]


def machine() -> str:
    """Processor, cores and Python, so that a figure is never read without them."""
    return f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"


_WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _usage(who: int) -> resource.struct_rusage:
    return resource.getrusage(who)


def _cpu_seconds() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in map(_usage, _WHO))


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
