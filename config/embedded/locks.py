"""File locks in the data directory. The kernel drops them with the process, so a kill -9 leaves none behind."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Lock:
    """One flock. Not inherited by programs that this process starts."""

    def __init__(self, data_dir: Path, name: str) -> None:
        folder = data_dir / "locks"
        folder.mkdir(exist_ok=True)
        self._file = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def share(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def try_exclusive(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._file)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Wait for the lock, hold it in the block, and close it for good."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            self.close()


def is_taken(data_dir: Path, name: str, *, by_anybody: bool = False) -> bool:
    """Whether some process holds the lock exclusively; by_anybody: or shares it."""
    try:
        file = os.open(data_dir / "locks" / name, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if by_anybody else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
