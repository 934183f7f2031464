# %% [markdown]
# # Reading answers
#
# What the teacher said about the images of a finished run, as arrays and data frames; no cluster is started:
# `.venv/bin/python docs/examples/reading_answers.py runs/quickstart`.

# %% Open a run
import sys

import pandas as pd

import mmkd_ray as mm
from mmkd_ray.answers.table import read_teacher_table
from mmkd_ray.data.table import read_splits

run = mm.open_run(sys.argv[1] if len(sys.argv) > 1 else "runs/quickstart")
table = read_teacher_table(run)
print(f"{len(table.image_ids)} images, {len(table.questions)} questions")

# %% [markdown]
# `p_yes_NQ` has P(yes) of each image (row) and question (column); `mass_NQ` is P(yes) + P(no) over the whole
# vocabulary: far below 1 means that the teacher did not answer.

# %% As a data frame
answers = pd.DataFrame(table.p_yes_NQ, index=table.image_ids, columns=table.questions)
print(answers.head())
print("lowest answer mass:", table.mass_NQ.min())

# %% Of each class
images = read_splits(run, ["train", "val"], columns=["image_id", "class_name"]).to_pandas().set_index("image_id")
by_class = answers.groupby(images["class_name"].reindex(answers.index)).mean()
print(by_class.round(2))

# %% Questions that tell classes apart: their mean answers differ most between classes
print(by_class.std().sort_values(ascending=False).head(10))

# %% Results, a row each
print(mm.results(run).to_pandas().query("split == 'test' and metric == 'top1'")[["arm", "seed", "value"]])
