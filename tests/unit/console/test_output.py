import subprocess
import sys

from mmkd_ray.console import last_lines


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
