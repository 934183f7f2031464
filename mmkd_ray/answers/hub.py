"""Whether a model can be downloaded: transformers tries for minutes, without a word, where the hub is not in reach."""

from __future__ import annotations

from mmkd_ray.answers.teacher import needs_hub
from mmkd_ray.cluster.hub import hub_address, is_set_offline, why_no_answer
from mmkd_ray.config import Teacher, VllmTeacher
from mmkd_ray.config.locations import masked
from mmkd_ray.errors import TeacherError


def check_in_reach(teacher: Teacher) -> None:
    """Find now that a teacher cannot be downloaded to this machine.

    Raises:
        TeacherError: it is a model on the hub, is not in the cache, and the hub does not answer.
    """
    if not isinstance(teacher, VllmTeacher) or not needs_hub(teacher) or is_set_offline():
        return
    reason = why_no_answer()
    if reason and not _is_cached(teacher):
        raise TeacherError(
            f"teacher.model: '{teacher.model}' is not a folder here, and the hub {masked(hub_address())} does not "
            f"answer ({reason}); connect this machine, or download the model elsewhere and give its folder, or a "
            "HF_HOME whose cache has it"
        )


def _is_cached(teacher: VllmTeacher) -> bool:
    from transformers.utils import cached_file  # noqa: PLC0415 (seconds)

    try:
        return cached_file(teacher.model, "config.json", revision=teacher.revision, local_files_only=True) is not None
    except OSError:
        return False
