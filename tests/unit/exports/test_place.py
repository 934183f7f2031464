import pytest

from mmkd_ray.errors import ArtifactError
from mmkd_ray.exports.place import check_place, written_whole


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    place = check_place(str(tmp_path / "file" / "export"))
    with (
        pytest.raises(ArtifactError, match=r"^--to: .*/file/export cannot be written: not a directory; give another"),
        written_whole(place),
    ):
        pass
