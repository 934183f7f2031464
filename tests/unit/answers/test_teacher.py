"""Where a checkpoint is found, and what makes it another one."""

import json
import shutil
from pathlib import Path

import pytest

from mmkd_ray import fieldguide
from mmkd_ray.answers import teacher as checkpoint
from mmkd_ray.answers.teacher import check_teacher, content_identity, is_local, resolve
from mmkd_ray.config import VllmLlm, VllmTeacher
from mmkd_ray.errors import AspectError, TeacherError
from tests.support.checkpoints import build_internvl


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Stands for a checkpoint: nothing here reads what is in the files."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 16)
    return folder


def teacher(model: Path | str, **settings: str) -> VllmTeacher:
    return VllmTeacher(model=str(model), **settings)


@pytest.mark.parametrize(("text", "accepted"), [({}, 512), ({"rope_scaling": {"factor": 4.0}}, 2048)])
def test_prompts_longer_than_a_local_checkpoint_takes_are_refused(folder: Path, text: dict, accepted: int):
    (folder / "config.json").write_text(json.dumps({"text_config": {"max_position_embeddings": 512, **text}}))
    check_teacher(VllmTeacher(model=str(folder), max_model_len=accepted))
    if not text:
        with pytest.raises(
            TeacherError, match=r"teacher.max_model_len: got 1024; .* has room for 512 .* set it to 512"
        ):
            check_teacher(VllmTeacher(model=str(folder), max_model_len=1024))


def test_a_folder_resolves_to_its_absolute_path(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder.parent)
    assert resolve(teacher("model")) == str(folder)
    assert resolve(teacher("./model")) == str(folder)


def test_a_folder_at_home_and_a_relative_one_that_is_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    assert resolve(teacher("~/model")) == str(folder)
    assert resolve(VllmLlm(kind="vllm", model="~/model")) == str(folder)
    with pytest.raises(TeacherError, match=f"teacher.model: '~/gone' is not .*looked at {folder.parent}/gone"):
        resolve(teacher("~/gone"))
    with pytest.raises(AspectError, match=f"aspects.llm.model: './gone' is not .*looked at {folder.parent}/gone"):
        resolve(VllmLlm(kind="vllm", model="./gone"))


def test_a_model_on_the_hub_is_resolved_to_its_id():
    assert resolve(teacher("OpenGVLab/InternVL3-1B-hf")) == "OpenGVLab/InternVL3-1B-hf"
    assert not is_local(teacher("OpenGVLab/InternVL3-1B-hf"))


def test_the_shipped_teacher_is_in_the_package():
    assert is_local(teacher("fieldguide"))
    assert resolve(teacher("fieldguide")) == str(fieldguide.checkpoint_path())


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_a_checkpoint_is_refused_by_its_path(folder: Path, missing: str):
    (folder / missing).unlink()
    with pytest.raises(TeacherError, match=f"'{folder}' is not a checkpoint.*config.json and .*safetensors"):
        resolve(teacher(folder))


def test_a_missing_folder_is_not_looked_up_on_the_hub(tmp_path: Path):
    with pytest.raises(TeacherError, match="nowhere' is not a checkpoint"):
        resolve(teacher(tmp_path / "nowhere"))


def test_the_identity_depends_on_the_content_and_not_on_the_folder(folder: Path, tmp_path: Path):
    copy = shutil.copytree(folder, tmp_path / "elsewhere" / "copy")
    assert content_identity(teacher(copy)) == content_identity(teacher(folder))


def test_identity_changes_with_one_byte_of_the_weights(folder: Path):
    before = content_identity(teacher(folder))
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[2000] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    assert content_identity(teacher(folder)) != before


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_identity_changes_with_other_files_that_can_change_an_answer(folder: Path, name: str):
    before = content_identity(teacher(folder))
    (folder / name).write_text('{"changed": true}')
    assert content_identity(teacher(folder)) != before


def test_the_identity_includes_where_one_file_ends_and_the_next_begins(folder: Path):
    (folder / "a").write_bytes(b"12")
    (folder / "b").write_bytes(b"3")
    before = content_identity(teacher(folder))
    (folder / "a").write_bytes(b"1")
    (folder / "b").write_bytes(b"23")
    assert content_identity(teacher(folder)) != before


def test_a_model_card_does_not_enter_the_identity(folder: Path):
    before = content_identity(teacher(folder))
    (folder / "README.md").write_text("A new sentence.")
    assert content_identity(teacher(folder)) == before


@pytest.mark.parametrize("place", [0, -1])
def test_the_identity_of_large_weights_covers_both_ends(folder: Path, place: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checkpoint, "_HASHED_WHOLE", 100)
    monkeypatch.setattr(checkpoint, "_ENDS", 10)
    before = content_identity(teacher(folder))
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[place] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    assert content_identity(teacher(folder)) != before


def test_identity_on_the_hub_is_the_id_with_its_revision():
    assert content_identity(teacher("org/model", revision="abc123")) == "org/model@abc123"
    assert content_identity(teacher("org/model")) == "org/model@main"


def test_random_real_weights_differ_by_seed_and_are_equal_for_one_seed(tmp_path: Path):
    first, again, other = (
        content_identity(teacher(build_internvl(tmp_path / name, seed=seed)))
        for name, seed in [("first", 0), ("again", 0), ("other", 1)]
    )
    assert first == again
    assert first != other
