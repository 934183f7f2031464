# %% [markdown]
# # Own images
#
# Pictures in a folder for each class, from reading them to a student that names their class. It runs offline in
# about a minute on two cores: `.venv/bin/python docs/examples/own_images.py` from the repository's folder, or
# cell by cell in an editor.
#
# Here the pictures are drawn, so that there are some; put your own folder in the place of `pictures`.

# %% Pictures
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from PIL import Image

folder = Path(mkdtemp(prefix="own_images_"))
pictures = folder / "pictures"
generator = np.random.default_rng(0)
for channel, name in enumerate(["reddish", "greenish", "bluish"]):
    (pictures / name).mkdir(parents=True)
    for number in range(20):
        pixels = generator.integers(0, 160, (64, 64, 3), dtype=np.uint8)
        pixels[..., channel] += 60
        Image.fromarray(pixels).save(pictures / name / f"{number}.png")

# %% [markdown]
# `configs/own_images.yaml` is made for such folders. Its teacher is downloaded from the hub; the one that is
# shipped with the package shows offline that everything works, but knows drawn birds alone: its answers about
# other pictures mean nothing.

# %% Configuration
import mmkd_ray as mm

config = mm.load(
    "configs/own_images.yaml",
    [
        f"data.path={pictures}",
        f"storage.path={folder}/runs",
        "teacher.model=fieldguide",
        "teacher.max_model_len=512",
        "teacher.prompt='{question}'",
        "aspects.count=4",
        "student.image_size=32",
        "train.epochs=3",
        "study.seeds=[0, 1]",
    ],
)

# %% Images: read, checked, split
run = mm.run(config, "images")
print(run.images.record()["images"])

# %% Everything else (starts Ray)
mm.run(config)
for arm, results in mm.summary(run)["arms"].items():
    print(arm, results["top1"])

# %% A student (starts Ray)
(makd, *_) = sorted(Path(run.study.path).glob("makd-seed0-*"))
student = mm.load_student(makd)
predicted = student.predict([pictures / "bluish" / "0.png"])
print(predicted.classes, predicted.class_probabilities_NC.max(axis=1))
print(dict(zip(predicted.questions, predicted.p_yes_NQ[0].round(2), strict=True)))
