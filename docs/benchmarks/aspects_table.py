"""The table of the aspects study: `python docs/benchmarks/aspects_table.py runs/aspects_study`."""

import sys
from collections import defaultdict

import pyarrow.parquet as pq

from mmkd_ray.evaluate.statistics import mean_and_std, paired_difference

top1: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
for row in pq.read_table(f"{sys.argv[1]}/results.parquet").to_pylist():
    # A random choice is drawn anew for each seed: its five variants are the five seeds of one.
    top1[row["variant"].partition(",")[0], row["arm"]][row["seed"]] = 100 * row["test_top1"]


def difference(arm: tuple[str, str], baseline: tuple[str, str]) -> str:
    """Mean and 95 % interval of the difference, paired by seed."""
    seeds = sorted(top1[arm])
    found = paired_difference([top1[arm][s] for s in seeds], [top1[baseline][s] for s in seeds], confidence=0.95)
    text = f"{found.mean:+.1f} [{found.low:+.1f}, {found.high:+.1f}]"
    return f"**{text}**" if found.excludes_zero else text


print("| questions | Q | `ce`, test top-1 % | `makd`, test top-1 % | `makd` - `ce` | `mrmr` - `random`, `makd` |")
print("|---|---|---|---|---|---|")
for name in dict.fromkeys(variant for variant, _ in top1):
    ce, makd = ("{:.1f} +- {:.1f}".format(*mean_and_std(list(top1[name, arm].values()))) for arm in ("ce", "makd"))
    chosen, _, count = name.partition(" ")
    versus = difference((name, "makd"), (f"random {count}", "makd")) if chosen == "mrmr" else ""
    print(f"| {chosen} | {count or 52} | {ce} | {makd} | {difference((name, 'makd'), (name, 'ce'))} | {versus} |")
