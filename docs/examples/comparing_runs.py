# %% [markdown]
# # Comparing two runs
#
# What differs between two finished runs, in configuration and in results: `.venv/bin/python
# docs/examples/comparing_runs.py runs/quickstart runs/chosen`, or `mmkd compare` with the same folders.

# %% Compare
import sys

import mmkd_ray as mm

one, other = sys.argv[1:3] if len(sys.argv) > 2 else ("runs/quickstart", "runs/chosen")
comparison = mm.compare(one, other)
print(comparison)

# %% Keys that differ and decide numbers
for key in comparison.settings:
    if key.decides != "no":
        print(key.key, *key.values)

# %% [markdown]
# A difference is that of the seeds that both runs have, where the images are the same; else it is missing and
# `remarks` says why.

# %% Differences of the test accuracy
for row in comparison.results:
    if row.split == "test" and row.metric.name == "top1" and row.differences[0]:
        difference = row.differences[0]
        print(row.arm, difference.mean, (difference.low, difference.high))
print(*comparison.remarks, sep="\n")
