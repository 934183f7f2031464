import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.config import load
from mmkd_ray.data.building import build_image_table
from mmkd_ray.errors import ArtifactError
from mmkd_ray.stages import STAGES

SMALL = [f"data.{split}_per_class=1" for split in ("train", "val", "test", "shift")]


@pytest.mark.parametrize(
    ("teacher", "needs"),
    [("{}", True), ("{kind: no_inference}", True), ("{kind: imported, name: somebody}", False)],
)
def test_a_cluster_is_needed_as_long_as_there_is_something_to_ask(repository, tmp_path, teacher, needs):
    config = load(
        repository / "configs" / "quickstart.yaml", [f"storage.path={tmp_path}", f"teacher={teacher}", *SMALL]
    )
    run = open_run(str(tmp_path), config.name)
    if needs:
        with pytest.raises(ArtifactError, match="run `mmkd images CONFIG` first"):
            STAGES["extract"].needs_cluster(config, run)
    build_image_table(config, run, lambda *_: None)
    assert STAGES["extract"].needs_cluster(config, run) is needs
