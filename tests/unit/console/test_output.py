import subprocess
import sys
from pathlib import Path

import pytest

from mmkd_ray.console import last_lines, notice


def test_quiet_output_takes_everything_but_the_console(tmp_path):
    log = tmp_path / "logs" / "run.log"
    script = f"""
import os, pathlib
from mmkd_ray.console import quiet_output
with quiet_output(pathlib.Path({str(log)!r})) as console:
    print("from python")
    os.system("echo from a child; echo trouble >&2")
    console.say("for a person")
print("afterwards")
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "for a person\nafterwards\n"
    assert ended.stderr == ""
    assert sorted(log.read_text().splitlines()) == ["from a child", "from python", "trouble"]


def test_last_lines(tmp_path):
    (tmp_path / "log").write_text("\n".join(map(str, range(100))))
    assert last_lines(tmp_path / "log", 3) == "97\n98\n99"
    assert last_lines(tmp_path / "none") == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a system without /dev/full")
def test_a_log_on_a_full_disk_does_not_keep_us_from_saying_so():
    script = """
import pathlib, sys, traceback
from mmkd_ray.console import quiet_output
with quiet_output(pathlib.Path("/dev/full")) as console:
    try:
        raise OSError(28, "No space left on device")
    except OSError:
        traceback.print_exc()
        print("x" * 100_000)
        sys.stderr.flush()
    console.say("no space left")
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("no space left\n", "")


def test_a_notice_is_shown_once(capsys):
    notice("the record of x is damaged")
    notice("the record of x is damaged")
    assert capsys.readouterr().err == "note      the record of x is damaged\n"
