import pytest

from mmkd_ray.data.feed.memory import PROCESS, Load, bytes_needed, check_fits
from mmkd_ray.errors import DataError
from tests.support.rooms import room_of

TRAIN, VAL = Load(2_000, 224, encoded=2**28), Load(500, 224, encoded=2**26)


def test_all_loads_count_and_the_files_of_one_while_it_is_decoded():
    assert bytes_needed([TRAIN, VAL]) == 2_500 * 3 * 224**2 + 2**28
    assert bytes_needed([]) == 0


def test_all_processes_of_a_node_count_and_rays_object_store():
    each = bytes_needed([TRAIN, VAL]) + PROCESS
    check_fits([TRAIN, VAL], room_of(3 * each, processes=3))
    with pytest.raises(DataError, match="3 side by side") as caught:
        check_fits([TRAIN, VAL], room_of(3 * each, processes=3, object_store=1))
    assert "have 2 side by side (by cluster.lanes), or set a smaller student.image_size" in str(caught.value)
    assert "2,000 of 224 x 224 px, 500 of 224 x 224 px" in str(caught.value)
    assert "this container's limit (cgroup)" in str(caught.value)


def test_where_one_process_is_too_large_fewer_are_no_remedy():
    with pytest.raises(DataError, match=r"Ray's object store; set a smaller student.image_size"):
        check_fits([TRAIN, VAL], room_of(PROCESS, processes=2))
