"""The teacher table of a run -> the MaKD authors' file."""

from __future__ import annotations

from collections.abc import Iterable

from mmkd_ray.answers.identity import SPLITS
from mmkd_ray.answers.interop import makd_json
from mmkd_ray.answers.interop.places import locate
from mmkd_ray.answers.table import read_teacher_table
from mmkd_ray.artifacts import Run
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import ArtifactError, DataError


def open_finished_run(path: str) -> Run:
    """The run in a folder, e.g. `runs/quickstart`; missing files are noticed only when they are read."""
    folder, name = locate(path)
    return Run(folder.child(name))


def export_teacher(run: Run, path: str, *, splits: Iterable[str] = SPLITS) -> dict[str, list[float]]:
    """Write `{image id: [P(yes) of each question]}` in the order of `teacher/questions.json`.

    The authors' training code uses every image in the file for training: for it, export only `train`. It also reads the
    label from the name (`..._LABEL_NUMBER`), which our image ids need not contain.

    Args:
        run: with its teacher table finished.
        path: the file to write, local or by URI; replaced if it is there.
        splits: which of `train` and `val` are written.

    Returns:
        What was written.

    Raises:
        ArtifactError: the teacher table is not finished, or the file cannot be written.
        DataError: the teacher was not asked about any image of these splits.
    """
    table = read_teacher_table(run)
    splits = tuple(splits)
    chosen = set(read_splits(run, splits, columns=["image_id"])["image_id"].to_pylist())
    rows = zip(table.image_ids, table.p_yes_NQ.tolist(), strict=True)
    p_yes = {image_id: values for image_id, values in rows if image_id in chosen}
    if not p_yes:
        raise DataError(
            f"{run.teacher.uri} has no answers about images of {', '.join(splits)}: the teacher is asked about "
            f"{' and '.join(SPLITS)}, so give --splits {' '.join(SPLITS)}, or one of them"
        )
    folder, name = locate(path)
    try:
        folder.write_bytes(name, makd_json.dump(p_yes))
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be written ({error}); give another place") from error
    return p_yes
