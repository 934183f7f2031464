"""Check before a cluster is started that questions contain no control tokens, if that is cheap."""

from __future__ import annotations

from collections.abc import Sequence

from mmkd_ray.answers.teacher import is_in_reach, is_local
from mmkd_ray.config import Teacher, VllmTeacher
from mmkd_ray.extract.engines.vllm.processor import load_processor, looks_like_control_token, refuse_control_tokens


def check_wording(teacher: Teacher, questions: Sequence[str]) -> None:
    """Refuse questions that contain control tokens of the teacher, if its files are on this machine.

    Loading the processor takes seconds, so it is loaded only for texts with characters of which such tokens are made.
    `mmkd plan`, and every engine before it loads its weights, check all texts.

    Raises:
        TeacherError: a text contains a control token; the message names both.
    """
    if not isinstance(teacher, VllmTeacher) or not looks_like_control_token([teacher.prompt, *questions]):
        return
    if is_local(teacher) and is_in_reach(teacher):
        refuse_control_tokens(load_processor(teacher), teacher, questions)
