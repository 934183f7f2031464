"""The table of the aspects study: `python docs/benchmarks/aspects_table.py runs/aspects_study`."""

import sys
from collections import defaultdict

import pyarrow.parquet as pq

from mmkd_ray.metrics.statistics import mean_and_std, paired_difference

Key = tuple[str, str, str]
"""Variant, arm, split."""
accuracy: dict[Key, dict[int, float]] = defaultdict(dict)
for row in pq.read_table(f"{sys.argv[1]}/results.parquet", filters=[("metric", "=", "top1")]).to_pylist():
    # A random choice is drawn anew for each seed: its five variants are the five seeds of one.
    accuracy[row["variant"].partition(",")[0], row["arm"], row["split"]][row["seed"]] = 100 * row["value"]


def difference(arm: Key, baseline: Key) -> str:
    """Mean and 95 % interval of the difference, paired by seed."""
    seeds = sorted(accuracy[arm])
    ours, theirs = ([accuracy[key][seed] for seed in seeds] for key in (arm, baseline))
    found = paired_difference(ours, theirs, confidence=0.95)
    text = f"{found.mean:+.1f} [{found.low:+.1f}, {found.high:+.1f}]"
    return f"**{text}**" if found.excludes_zero else text


print(
    "| chosen | Q | `ce`, test top-1 % | `makd` | `makd` - `ce` | `makd`: `mrmr` - `random` | unseen, `makd` - `ce` |"
)
print("|---|---|---|---|---|---|---|")
for name in dict.fromkeys(variant for variant, _, _ in accuracy):
    test = "test"
    ce, makd = (mean_and_std(list(accuracy[name, arm, test].values())) for arm in ("ce", "makd"))
    chosen, _, count = name.partition(" ")
    versus = difference((name, "makd", test), (f"random {count}", "makd", test)) if chosen == "mrmr" else ""
    unseen = difference((name, "makd", "shift"), (name, "ce", "shift"))
    print(
        f"| {chosen} | {count or 52} | {ce[0]:.1f} +- {ce[1]:.1f} | {makd[0]:.1f} +- {makd[1]:.1f} | "
        f"{difference((name, 'makd', test), (name, 'ce', test))} | {versus} | {unseen} |"
    )
