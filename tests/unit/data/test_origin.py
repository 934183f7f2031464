import json
from pathlib import Path

import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.config import validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.origin import Before, require_origin
from mmkd_ray.data.table import require_images
from mmkd_ray.errors import ArtifactError
from mmkd_ray.stages.images import Images
from tests.support.pictures import fill_tree

TINY = {f"{split}_per_class": 1 for split in ("train", "val", "test", "shift")}


def config_of(path="", **data):
    data = {"source": "folder", "path": str(path), **data} if path else {"source": "fieldguide", **TINY, **data}
    return validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}})


@pytest.fixture
def trees(tmp_path):
    """Two folders of images with the same classes."""
    for name in ("one", "two"):
        fill_tree(tmp_path / name, [f"{split}/{label}" for split in ("train", "val", "test") for label in "ab"])
    (tmp_path / "two" / "test" / "b" / "0.png").unlink()
    return tmp_path / "one", tmp_path / "two"


def images(config, run, **options):
    """The stage: what it tells."""
    return Images(**options).run(config, run, lambda *_: None)["told"]


def test_the_run_notes_where_its_images_come_from_and_since_when(trees, run):
    images(config_of(trees[0]), run)
    noted = json.loads(Path(run.folder.path, "images.json").read_text())
    assert noted["source"] == {"source": "folder", "path": str(trees[0]), "place": str(trees[0])}
    assert noted["since"].startswith("20")
    images(config_of(trees[0]), run)
    assert json.loads(Path(run.folder.path, "images.json").read_text()) == noted


def test_other_stages_refuse_a_configuration_that_means_other_images(trees, run, tmp_path):
    images(config_of(trees[0]), run)
    require_images(config_of(trees[0]), run)
    for other in (config_of(tmp_path / "not" / "there"), config_of()):
        with pytest.raises(ArtifactError) as refused:
            require_images(other, run)
        message = str(refused.value)
        assert f"has the images of folder {trees[0]} since 20" in message
        assert "choose another name=" in message
        assert "`mmkd images CONFIG --replace`" in message
        assert "\n" not in message


def test_images_of_another_source_replace_a_runs_only_where_that_is_asked_for(trees, run):
    images(config_of(trees[0]), run)
    before = run.images
    with pytest.raises(ArtifactError, match="--replace"):
        images(config_of(trees[1]), run)
    with pytest.raises(ArtifactError, match="--replace"):
        Images().needs_cluster(config_of(trees[1]), run)
    assert run.images == before
    told = images(config_of(trees[1]), run, replace=True)
    assert run.images != before
    assert told[0].startswith("other images than before (since 20")
    require_images(config_of(trees[1]), run)
    with pytest.raises(ArtifactError, match=f"has the images of folder {trees[1]}"):
        require_images(config_of(trees[0]), run)


def test_what_changed_in_the_same_source_is_counted(trees, run):
    root = trees[0]
    images(config_of(root), run)
    count = sum(1 for _ in root.rglob("*.png"))
    (root / "train" / "a" / "new.png").write_bytes((root / "train" / "a" / "0.png").read_bytes())
    (root / "train" / "b" / "0.png").unlink()
    (root / "test" / "a" / "0.png").write_bytes((root / "test" / "b" / "0.png").read_bytes() + b"x")
    told = images(config_of(root), run)
    assert f"{count:,} were, {count:,} are; 1 added, 1 gone, 1 with other content, class or split" in told[0]
    assert not any(line.startswith("other images") for line in images(config_of(root), run))


def test_settings_of_the_same_source_may_change_and_that_is_told(run):
    images(config_of(), run)
    told = images(config_of(image_seed=1), run)
    assert "0 added, 0 gone, 96 with other content" in told[0]


def test_what_is_written_alike_or_means_the_same_folder_is_one_source(trees, run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    images(config_of("one"), run)
    require_origin(config_of(trees[0]), run)
    require_origin(config_of(f"{tmp_path}/two/../one/"), run)
    monkeypatch.chdir("/")  # as in a job, or in a copy of the run on another machine
    require_origin(config_of("one"), run)
    with pytest.raises(ArtifactError):
        require_origin(config_of("two"), run)


def test_a_run_without_a_note_is_not_refused_and_notes_it_next_time(trees, run):
    images(config_of(trees[0]), run)
    run.refer_to_images(run.image_key())
    require_images(config_of(trees[1]), run)
    images(config_of(trees[0]), run)
    with pytest.raises(ArtifactError, match="--replace"):
        require_images(config_of(trees[1]), run)


def test_an_earlier_table_that_is_damaged_does_not_stop_the_next_one(trees, run):
    images(config_of(trees[0]), run)
    before = Before(run)
    for part in Path(run.images.path, "table").rglob("*.parquet"):
        part.write_bytes(b"half")
    build_image_table(config_of(trees[0], split_seed=1), run, lambda *_: None)
    assert "which cannot be read any more" in before.changes()[0]


def test_another_run_takes_a_stored_table_with_a_note_of_its_own(trees, run, tmp_path):
    images(config_of(trees[0]), run)
    other = open_run(str(tmp_path / "runs"), "other")
    images(config_of(trees[0]), other)
    assert other.images == run.images
    assert other.image_reference()["source"]["place"] == str(trees[0])
