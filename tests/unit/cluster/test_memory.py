import pytest

from mmkd_ray.cluster.memory import Limit, available_memory, memory_limit

GIB = 2**30


@pytest.fixture
def machine(tmp_path):
    """Makes the files of a machine of 16 GiB, and those of its control groups."""

    def make(own: str, limits: dict[str, str]):
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/meminfo").write_text(
            f"MemTotal: {16 * 2**20} kB\nMemAvailable: {4 * 2**20} kB\nHugePages_Total: 0\n"
        )
        (tmp_path / "proc/self/cgroup").write_text(own)
        for path, text in limits.items():
            file = tmp_path / "sys/fs/cgroup" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{text}\n")
        return tmp_path

    return make


V2 = "0::/user.slice/job\n"
V1 = "9:name=systemd:/\n4:cpu,memory:/docker/abc\n3:cpuset:/\n0::/\n"


@pytest.mark.parametrize(
    ("own", "limits", "size"),
    [
        (V2, {"user.slice/job/memory.max": str(8 * GIB)}, 8 * GIB),
        (V2, {"user.slice/job/memory.max": "max", "user.slice/memory.max": str(6 * GIB)}, 6 * GIB),
        (V2, {"user.slice/job/memory.max": "max"}, None),
        (V2, {"memory.max": str(3 * GIB)}, 3 * GIB),  # the group's own name is that of outside
        (V2, {"user.slice/job/memory.max": str(99 * GIB)}, None),  # more than there is
        (V1, {"memory/docker/abc/memory.limit_in_bytes": str(8 * GIB)}, 8 * GIB),
        (V1, {"memory/memory.limit_in_bytes": str(5 * GIB)}, 5 * GIB),
        (V1, {"memory/docker/abc/memory.limit_in_bytes": "9223372036854771712"}, None),
        ("", {}, None),
    ],
)
def test_the_least_limit_counts(machine, own, limits, size):
    found = memory_limit(machine(own, limits))
    if size is None:
        assert found == Limit(16 * GIB, "this machine's memory")
    else:
        assert found == Limit(size, "this container's limit (cgroup)")


def test_what_is_available_is_the_kernels_word(machine):
    assert available_memory(machine(V2, {})) == 4 * GIB
