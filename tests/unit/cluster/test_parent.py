import os
import signal
import subprocess
import sys
import time

SCRIPT = """
import multiprocessing, time
from mmkd_ray.cluster.parent import end_with_parent
def work():
    end_with_parent()
    print(multiprocessing.current_process().pid, flush=True)
    time.sleep(60)
if __name__ == "__main__":
    multiprocessing.get_context("forkserver").Process(target=work).start()
    time.sleep(60)
"""


def test_a_process_of_a_killed_one_ends(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    with subprocess.Popen([sys.executable, tmp_path / "script.py"], stdout=subprocess.PIPE, text=True) as started:
        child = int(started.stdout.readline())
        started.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 30
        while _is_alive(child) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert not _is_alive(child)


def _is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
