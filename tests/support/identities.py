"""The identities of everything that some configurations lead to, pinned in `tests/golden/identities.json`.

Run this module as a script after a wanted change: everything that users have is then made again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from mmkd_ray.answers.identity import table_identity, teacher_identity, what_is_asked
from mmkd_ray.artifacts import open_run
from mmkd_ray.aspects.questions import is_selected, selection_settings
from mmkd_ray.config import Config, LlmAspects, load
from mmkd_ray.data.building import images_identity
from mmkd_ray.data.sources.opening import open_source
from mmkd_ray.data.table import settings_identity
from mmkd_ray.evaluate.evaluation import evaluation_identity
from mmkd_ray.evaluate.pieces import predictions_identity
from mmkd_ray.evaluate.probes import CLEAN
from mmkd_ray.propose.language_model import identity as llm_identity
from mmkd_ray.study.students import list_students, study_identity
from mmkd_ray.tune.opening import open_search
from tests.support.tables import write_image_table

REPOSITORY = Path(__file__).parents[2]
GOLDEN = REPOSITORY / "tests" / "golden" / "identities.json"
CLASSES = ("blue_tit", "owl")
ARMS = "study.arms=[ce, makd, random, shuffled, class_mean, label_smoothing, zero_shot_kd, kd, dkd, makd+kd]"
CONFIGURATIONS: dict[str, tuple[str, ...]] = {
    "quickstart": ("quickstart.yaml",),
    "all arms": ("quickstart.yaml", ARMS, "study.seeds=[0]", "study.kd_teacher={model: resnet34, image_size: 64}"),
    "evidence": ("evidence.yaml",),
    "own images": ("own_images.yaml", "data.path=pictures"),
    "paper": ("paper/dtd.yaml",),
    "questions by an LLM": ("quickstart.yaml", "aspects/openai.yaml"),
}
"""Name: a file of `configs/`, and what is laid over it."""


def identities(name: str, *overrides: str) -> dict[str, Any]:
    """The identities of one of `CONFIGURATIONS`, by what they are of. The current folder must be the repository."""
    first, *more = CONFIGURATIONS[name]
    files = [f"configs/{item}" if item.endswith(".yaml") else item for item in more]
    with TemporaryDirectory() as root:
        pictures = _write_pictures(Path(root, "pictures"))
        more = [item.replace("data.path=pictures", f"data.path={pictures}") for item in files]
        return _identities(load(f"configs/{first}", [*more, *overrides]), root)


def _identities(config: Config, root: str) -> dict[str, Any]:
    run = open_run(root, "run")
    found: dict[str, Any] = {"image settings": settings_identity(config)}
    if config.data.source in ("fieldguide", "folder"):
        found["images"] = images_identity(config, open_source(config)).key
    found["teacher"] = teacher_identity(config.teacher).key
    if isinstance(config.aspects, LlmAspects):
        found["language model"] = llm_identity(config.aspects.llm).key
    if is_selected(config):
        return found | {"selection settings": selection_settings(config)}
    write_image_table(config, run, [], CLASSES)
    asked = what_is_asked(config, run, {"digest": "d", "class_names": CLASSES})
    run.teacher.finish("teacher", asked=asked)
    students = list_students(config, run)
    found["teacher table"] = table_identity(config, asked).key
    found["students"] = {str(student): student.identity for student in students}
    found["study"] = study_identity(students).key
    found["predictions"] = predictions_identity(students[0], CLEAN, 0.0, "digest").key
    found["evaluation"] = evaluation_identity(config, students).key
    found["search"] = open_search(config, run).identity
    return found


def _write_pictures(folder: Path) -> Path:
    """Two pictures of each class, of a fixed time."""
    for name, colour in zip(CLASSES, ("blue", "brown"), strict=True):
        for number in range(4):
            path = folder / name / f"{number}.bmp"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), colour).save(path)
            os.utime(path, (1_000_000_000, 1_000_000_000))
    return folder


def all_identities() -> dict[str, Any]:
    """Those of every configuration."""
    return {name: identities(name) for name in CONFIGURATIONS}


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(all_identities(), indent=2) + "\n")
