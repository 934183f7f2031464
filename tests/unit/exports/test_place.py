import pytest

from mmkd_ray.errors import ArtifactError
from mmkd_ray.exports.place import check_place, written_whole
from tests.support.toy_bundle import untrained_bundle


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    place = check_place(str(tmp_path / "file" / "export"))
    with (
        pytest.raises(ArtifactError, match=r"^--to: .*/file/export cannot be written: not a directory; give another"),
        written_whole(place),
    ):
        pass


def test_what_others_put_beside_an_export_is_not_lost(tmp_path):
    place = untrained_bundle(tmp_path / "export", form="onnx")
    assert check_place(place) == tmp_path / "export"
    (tmp_path / "export" / ".git").mkdir()
    with pytest.raises(ArtifactError, match=r"is an export, and also holds \.git, which would be lost"):
        check_place(place)
