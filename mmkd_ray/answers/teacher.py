"""Where a teacher's checkpoint is, and what identifies its content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from mmkd_ray import fieldguide
from mmkd_ray.config import ImportedTeacher, OpenAiLlm, OpenAiTeacher, Teacher, VllmLlm, VllmTeacher
from mmkd_ray.config.locations import absolute, looked_at
from mmkd_ray.errors import AspectError, TeacherError

_HASHED_WHOLE = 64 * 2**20
"""Files up to this size in bytes are hashed whole; of larger ones (weights), the size, the first and the last MiB."""
_ENDS = 2**20


def is_local(teacher: VllmTeacher | VllmLlm) -> bool:
    """Whether the checkpoint is a folder, so that nothing is looked up on the hub."""
    model = teacher.model
    return model == "fieldguide" or model.startswith(("/", ".", "~")) or Path(model).exists()


def is_in_reach(teacher: VllmTeacher) -> bool:
    """Whether `content_identity` can be computed here: False only for a folder that is on another machine."""
    return not is_local(teacher) or teacher.model == "fieldguide" or Path(absolute(teacher.model)).is_dir()


def resolve(teacher: VllmTeacher | VllmLlm) -> str:
    """The folder of a local checkpoint on this machine, or the id of a model on the hub.

    Raises:
        TeacherError: the folder does not hold a checkpoint.
        AspectError: the same, for the LLM that proposes questions.
    """
    is_teacher = isinstance(teacher, VllmTeacher)
    if is_teacher and teacher.model == "fieldguide":
        return str(fieldguide.checkpoint_path())
    if not is_local(teacher):
        return teacher.model
    folder = Path(absolute(teacher.model))
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        key, error = ("teacher.model", TeacherError) if is_teacher else ("aspects.llm.model", AspectError)
        raise error(
            f"{key}: '{teacher.model}' is not a checkpoint (expected config.json and *.safetensors in it)"
            f"{looked_at(teacher.model)}; give the folder of a Hugging Face model, "
            + ("a model id on the hub, or 'fieldguide'" if is_teacher else "or a model id on the hub")
        )
    return str(folder)


def check_teacher(teacher: Teacher) -> None:
    """Find errors that can be found without loading the teacher.

    Raises:
        TeacherError: the folder of a local teacher does not hold a checkpoint, or one for shorter prompts.
    """
    if isinstance(teacher, VllmTeacher):
        _check_length(teacher, resolve(teacher))


def _check_length(teacher: VllmTeacher, place: str) -> None:
    """Compare `max_model_len` with what a local checkpoint was trained for; vLLM would, after it is imported."""
    if not is_local(teacher) or teacher.max_model_len is None:
        return
    config = json.loads((Path(place) / "config.json").read_text(encoding="utf-8"))
    text = config.get("text_config", config)
    positions = text.get("max_position_embeddings")
    is_stretched = text.get("rope_scaling") or text.get("rope_parameters", {}).get("rope_type", "default") != "default"
    if isinstance(positions, int) and teacher.max_model_len > positions and not is_stretched:
        raise TeacherError(
            f"teacher.max_model_len: got {teacher.max_model_len}; '{teacher.model}' has room for {positions} tokens of "
            f"prompt and answer: set it to {positions} or less, or leave it out"
        )


def describe_teacher(teacher: Teacher) -> str:
    """The teacher's name for people."""
    if isinstance(teacher, VllmTeacher):
        return teacher.model
    if isinstance(teacher, OpenAiTeacher):
        return f"{teacher.model} at {teacher.base_url}"
    return f"{teacher.name} (imported)" if isinstance(teacher, ImportedTeacher) else "none (random answers)"


def needs_hub(model: Teacher | OpenAiLlm | VllmLlm) -> bool:
    """Whether the teacher, or the LLM that proposes questions, may have to be downloaded."""
    return isinstance(model, VllmTeacher | VllmLlm) and not is_local(model)


def content_identity(teacher: VllmTeacher) -> str:
    """What identifies the weights: a hash of a local folder's files, or the hub's id with its revision."""
    place = resolve(teacher)
    if not is_local(teacher):
        return f"{place}@{teacher.revision or 'main'}"
    digest = hashlib.sha256()
    for file in sorted(Path(place).iterdir()):
        if file.is_file() and file.suffix != ".md":
            digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
            digest.update(_content(file))
    return digest.hexdigest()[:16]


def _content(file: Path) -> bytes:
    size = file.stat().st_size
    with file.open("rb") as stream:
        if size <= _HASHED_WHOLE:
            return stream.read()
        start = stream.read(_ENDS)
        stream.seek(size - _ENDS)
        return start + stream.read()
