"""Which engine asks which kind of teacher."""

from __future__ import annotations

from collections.abc import Sequence

from mmkd_ray.config import ExtractConfig, NoInferenceTeacher, OpenAiTeacher, Teacher, VllmTeacher
from mmkd_ray.extract.engines.base import Engine


def load_engine(teacher: Teacher, extract: ExtractConfig, questions: Sequence[str] = ()) -> Engine:
    """Load the engine for a teacher's kind.

    Args:
        teacher: the teacher.
        extract: where the engine runs.
        questions: what will be asked; checked before the weights are loaded.

    Raises:
        TeacherError: it cannot be loaded, or does not answer with single tokens.
    """
    # Imported here, because each takes seconds and only one is needed.
    if isinstance(teacher, VllmTeacher):
        from mmkd_ray.extract.engines.vllm.engine import VllmEngine  # noqa: PLC0415

        return VllmEngine(teacher, extract, questions)
    if isinstance(teacher, OpenAiTeacher):
        from mmkd_ray.extract.engines.openai.engine import OpenAiEngine  # noqa: PLC0415

        return OpenAiEngine(teacher, extract)
    assert isinstance(teacher, NoInferenceTeacher), "imported answers are not asked"
    from mmkd_ray.extract.engines.no_inference import NoInferenceEngine  # noqa: PLC0415

    return NoInferenceEngine()
