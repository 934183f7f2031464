import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.config import load
from mmkd_ray.errors import ArtifactError
from mmkd_ray.stages import STAGES


def test_before_there_are_images_it_is_not_known_whether_questions_need_a_cluster(repository, tmp_path):
    config = load(repository / "configs" / "quickstart.yaml", [f"storage.path={tmp_path}", "aspects.select=mrmr"])
    with pytest.raises(ArtifactError, match="run `mmkd images CONFIG` first"):
        STAGES["aspects"].needs_cluster(config, open_run(str(tmp_path), config.name))
