import platform
import subprocess
import sys

import pytest

PAGE_FAULTS = """
import resource, sys, torch
from mmkd_ray.cluster.computing import prepare_to_compute
if sys.argv[1] == "prepared":
    prepare_to_compute(threads=1)
def faults():
    torch.ones(2**24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
counts = [faults() for _ in range(30)]
print(torch.get_num_threads(), counts[-1] - counts[-11])
"""


def measure(how):
    output = subprocess.run([sys.executable, "-c", PAGE_FAULTS, how], capture_output=True, text=True, check=True).stdout
    return [int(number) for number in output.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the option")
def test_freed_memory_is_used_again():
    _, default = measure("default")
    threads, prepared = measure("prepared")
    assert threads == 1
    assert prepared * 20 < default
