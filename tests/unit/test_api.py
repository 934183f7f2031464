import subprocess
import sys

import pytest

import mmkd_ray as mm
from mmkd_ray.errors import ArtifactError, ConfigError
from tests.support.pictures import fill_tree

TINY = {"name": "tiny", "data": {"source": "fieldguide"}, "aspects": {"source": "fieldguide"}}


def test_a_configuration_from_a_file_and_from_plain_values(repository):
    from_file = mm.load(repository / "configs" / "quickstart.yaml", ["train.alpha=7"])
    assert (from_file.name, from_file.train.alpha) == ("quickstart", 7)
    values = mm.load(TINY, ["train.epochs=9"])
    assert (values.name, values.train.epochs) == ("tiny", 9)
    assert TINY == {"name": "tiny", "data": {"source": "fieldguide"}, "aspects": {"source": "fieldguide"}}
    assert mm.load(values) is values
    assert mm.load(values, ["train.alpha=2"]).train.epochs == 9
    assert mm.load(TINY, "train.epochs=9") == values


def test_a_mistake_is_a_sentence():
    with pytest.raises(ConfigError, match=r"unknown key 'train.alhpa'; did you mean 'train\.alpha'"):
        mm.load(TINY, ["train.alhpa=2"])
    with pytest.raises(ConfigError, match="stages: got 'trian'; accepted are images, aspects, extract, train, "):
        mm.run(mm.load(TINY), ["images", "trian"])


def test_a_run_by_its_configuration_and_by_its_folder(tmp_path):
    config = mm.load(TINY, [f"storage.path={tmp_path}"])
    assert mm.open_run(config) == mm.open_run(tmp_path / "tiny") == mm.open_run(f"{tmp_path}/tiny/")
    assert mm.open_run("s3://bucket/runs/tiny").folder.uri == "s3://bucket/runs/tiny"
    for function, command in ((mm.results, "evaluate"), (mm.summary, "report")):
        with pytest.raises(ArtifactError, match=f"run `mmkd {command} CONFIG` first"):
            function(config)


def test_one_stage(tmp_path, capsys):
    small = [f"data.{split}_per_class=1" for split in ("train", "val", "test", "shift")]
    run = mm.run(mm.load(TINY, [f"storage.path={tmp_path}", *small]), "images")
    assert run.images.record()["images"]["train"] == 24
    assert "24 classes" in capsys.readouterr().out
    mm.run(mm.load(TINY, [f"storage.path={tmp_path}", *small]), ["images"], quiet=True)
    assert capsys.readouterr().out == ""


def test_images_of_another_source_take_replace(tmp_path):
    fill_tree(tmp_path / "tree", [f"{split}/{name}" for split in ("train", "val", "test") for name in "ab"])
    small = [f"data.{split}_per_class=1" for split in ("train", "val", "test", "shift")]
    storage = f"storage.path={tmp_path}/runs"
    mm.run(mm.load(TINY, [storage, *small]), "images", quiet=True)
    own = mm.load({**TINY, "data": {"source": "folder", "path": f"{tmp_path}/tree"}}, [storage])
    with pytest.raises(ArtifactError, match=f"has the images of fieldguide since .* says folder {tmp_path}/tree: "):
        mm.run(own, "images", quiet=True)
    run = mm.run(own, "images", replace=True, quiet=True)
    assert run.images.record()["class_names"] == ["a", "b"]


def test_importing_the_package_is_light_and_its_names_are_there():
    script = """
import sys
import mmkd_ray as mm
print([name for name in ("ray", "torch", "numpy", "typer") if name in sys.modules])
print(all(callable(getattr(mm, name)) for name in mm.__all__ if name != "__version__"), "run" in dir(mm))
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\nTrue True\n"
    with pytest.raises(AttributeError, match="has no attribute 'runn'"):
        mm.runn  # noqa: B018
