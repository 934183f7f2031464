"""The table of the study of spurious habitats: `python docs/benchmarks/groups_table.py configs/spurious.yaml`.

From the stored predictions of clean test images: accuracy by group, seed by seed.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import pyarrow.compute as pc

from mmkd_ray.config import BASELINE, load
from mmkd_ray.data.table import read_splits, require_images
from mmkd_ray.evaluate.pieces import PREDICTIONS, pieces_of
from mmkd_ray.metrics.statistics import mean_and_std, paired_difference
from mmkd_ray.metrics.subgroups import by_subgroup
from mmkd_ray.stages.opening import run_of
from mmkd_ray.study.students import trained_students
from mmkd_ray.tasks import task_of

MEASURES = ("mean", "worst group", "at home", "away", "gap", "unseen habitats")

config = load(sys.argv[1], sys.argv[2:])
run = run_of(config)
images, task = require_images(config, run), task_of(config)
rows = read_splits(run, ["train", "test"], columns=["image_id", "group", "split"]).to_pylist()
group_of = {row["image_id"]: row["group"] for row in rows}
found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
for spec in trained_students(config, run):
    (piece,) = (piece for piece in pieces_of(spec, images) if piece.probe == "clean")
    table = piece.folder(run).read_table(PREDICTIONS)
    test, shift = (table.filter(pc.field("split") == split) for split in ("test", "shift"))
    groups = by_subgroup([group_of[name] for name in test["image_id"].to_pylist()], task.score_images(test), {})
    away = [value for name, value in groups.accuracy.items() if len(set(name.replace(" bird", "").split(", "))) > 1]
    home = [value for name, value in groups.accuracy.items() if len(set(name.replace(" bird", "").split(", "))) == 1]
    values = {
        "mean": groups.mean,
        "worst group": groups.worst,
        "at home": sum(home) / len(home),
        "away": sum(away) / len(away),
        "gap": groups.gap,
        "unseen habitats": float(task.score_images(shift).mean()),
    }
    for name, value in values.items():
        found[spec.variant, spec.arm][name].append(100 * value)


def cell(variant: str, arm: str, measure: str) -> str:
    """Mean, and the difference to the baseline of the same questions, paired by seed."""
    values, baseline = found[variant, arm][measure], found[variant, BASELINE][measure]
    text = f"{mean_and_std(values)[0]:.1f}"
    if arm == BASELINE:
        return text
    difference = paired_difference(values, baseline, confidence=0.95)
    interval = f"{difference.mean:+.1f} [{difference.low:+.1f}, {difference.high:+.1f}]"
    return f"{text}; " + (f"**{interval}**" if difference.excludes_zero else interval)


print(f"| questions | arm | {' | '.join(MEASURES)} |")
print("|---|---|" + "---|" * len(MEASURES))
for variant, arm in found:
    print(f"| {variant} | `{arm}` | {' | '.join(cell(variant, arm, measure) for measure in MEASURES)} |")
Path("groups.json").write_text(
    json.dumps({f"{variant}, {arm}": values for (variant, arm), values in found.items()}, indent=1) + "\n"
)
