"""Processes of a board end with the one that started them, however that ended."""

import os
import signal
import subprocess
import sys
import time

import pytest

PARENT = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from mitoferry.studies.board import work

if __name__ == "__main__":
    initializer = work.end_with_parent if sys.argv[1] == "watched" else None
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=initializer) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 40).result()
"""


def alive(pid):
    """Whether a process is there and not a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")
@pytest.mark.parametrize(("how", "left"), [("watched", False), ("not watched", True)], ids=["watched", "planted fault"])
def test_workers_do_not_outlive_a_killed_parent(tmp_path, how, left):
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script), how], stdout=subprocess.PIPE, text=True) as parent:
        worker = int(parent.stdout.readline())
        assert alive(worker)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        until = time.monotonic() + (3.0 if left else 20.0)
        while alive(worker) and time.monotonic() < until:
            time.sleep(0.1)
        try:
            assert alive(worker) is left
        finally:
            if alive(worker):
                os.kill(worker, signal.SIGKILL)
