# %% [markdown]
# # Own questions
#
# A file of yes/no questions, and what each is worth on a pilot of a few images, before all are asked about:
# `.venv/bin/python docs/examples/own_questions.py`, offline, in about a minute on two cores.

# %% The file
from pathlib import Path
from tempfile import mkdtemp

folder = Path(mkdtemp(prefix="own_questions_"))
questions = folder / "questions.yaml"
questions.write_text(
    """\
- Does the bird have a crest?
- Does the bird have a hooked beak?
- Is there a forest in the picture?
- Is this a photo of a spaceship?
- question: Is the bird facing left?
  orientation_sensitive: true         # a mirrored image changes the answer
  mirror: Is the bird facing right?
"""
)

# %% [markdown]
# Mistakes in the file are one line with the entry's place. What was read:

# %% Read it
import mmkd_ray as mm
from mmkd_ray.aspects.questions import source_aspects

config = mm.load(
    "configs/quickstart.yaml",
    [
        "name=own_questions",
        f"storage.path={folder}/runs",
        "aspects.source=file",
        f"aspects.path={questions}",
        "pilot.images=48",
        "data.train_per_class=4",
        "data.test_per_class=2",
        "data.shift_per_class=2",
    ],
)
for aspect in source_aspects(config.aspects):
    print(aspect.question, "(changes in the mirror)" if aspect.orientation_sensitive else "")

# %% [markdown]
# The pilot asks the teacher about some training images. A question that every image gets the same answer to is
# dead, one that others explain is redundant, and bits say how much an answer tells of the class. `mmkd aspects
# score CONFIG` does the same and writes a page.

# %% What they are worth (starts Ray)
run = mm.run(config, ["images", "aspects score"])
scores = run.evidence.read_table("scores.parquet").to_pandas()
print(scores[["rank", "verdict", "information", "question"]].to_string())
