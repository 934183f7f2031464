"""Scenes: exact boxes of what is seen, of all sizes, the same everywhere."""

import io
from collections import Counter

import pytest
from PIL import Image

from mmkd_ray import fieldguide
from mmkd_ray.config import validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.sources.attributes import true_answers
from mmkd_ray.data.subjects import Subjects
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import MmkdError
from mmkd_ray.fieldguide.canvas import Canvas
from mmkd_ray.fieldguide.scenes import _CANVAS, _draw
from mmkd_ray.fieldguide.traits import HABITATS, SHIFT_HABITATS

SEEDS = {"species_seed": 1, "seed": 2, "classes": 12}


@pytest.fixture(scope="module")
def scenes():
    """Sixty scenes of training."""
    return [fieldguide.scene_of(f"train/{number:05d}", **SEEDS) for number in range(60)]


def test_a_box_holds_what_is_seen_of_its_bird_and_no_more(scenes):
    """Each bird painted in a colour of its own, one after the other, as in the picture."""
    for scene in scenes[:12]:
        canvas = Canvas(with_parts=True, size=_CANVAS)
        ends = []
        for bird in scene.birds:
            _draw(canvas, bird.picture, bird.frame)
            ends.append(len(canvas.labels))
        region_HW = canvas.region_map()
        for number, bird in enumerate(scene.birds):
            first = ends[number - 1] if number else 1
            seen_HW = (region_HW >= first) & (region_HW < ends[number])
            x, y, width, height = bird.box
            assert seen_HW.sum() == bird.area
            assert seen_HW[y : y + height, x : x + width].sum() == bird.area
            assert seen_HW[:, [x, x + width - 1]].any(axis=0).all()
            assert seen_HW[[y, y + height - 1]].any(axis=1).all()


def test_there_are_one_to_six_birds_small_medium_and_large_and_some_overlap(scenes):
    areas = [bird.box[2] * bird.box[3] for scene in scenes for bird in scene.birds]
    sizes = Counter("small" if area < 32**2 else "medium" if area < 96**2 else "large" for area in areas)
    assert {len(scene.birds) for scene in scenes} == {1, 2, 3, 4, 5, 6}
    assert min(sizes["small"], sizes["medium"]) > 30
    assert sizes["large"] > 3
    assert len({bird.species for scene in scenes for bird in scene.birds}) == 12
    assert any(_overlap(scene.birds) for scene in scenes)


def _overlap(birds):
    return any(
        min(a.box[0] + a.box[2], b.box[0] + b.box[2]) > max(a.box[0], b.box[0])
        and min(a.box[1] + a.box[3], b.box[1] + b.box[3]) > max(a.box[1], b.box[1])
        for place, a in enumerate(birds)
        for b in birds[:place]
    )


def test_a_scene_is_the_same_every_time_and_another_with_another_seed():
    ids = ["train/00003", "shift/00001"]
    drawn = list(fieldguide.draw_scenes(ids, **SEEDS))
    fieldguide.scene_of.cache_clear()
    assert list(fieldguide.draw_scenes(ids, **SEEDS)) == drawn
    assert list(fieldguide.draw_scenes(ids, **SEEDS | {"seed": 3})) != drawn
    assert Image.open(io.BytesIO(drawn[0])).size == (128, 128)


def test_habitats_and_species_that_are_left_out():
    habitats, species = Counter(), Counter()
    for split in fieldguide.SCENE_SPLITS:
        for number in range(25):
            scene = fieldguide.scene_of(f"{split}/{number:05d}", **SEEDS)
            habitats[split, scene.backdrop.scene.habitat] += 1
            species.update((split, bird.species >= 12) for bird in scene.birds)
    assert {habitat for split, habitat in habitats if split == "shift"} <= set(SHIFT_HABITATS)
    assert {habitat for split, habitat in habitats if split != "shift"} <= set(HABITATS)
    assert {split for split, stranger in species if stranger} == {"strangers"}
    assert 0.3 < species["strangers", True] / (species["strangers", True] + species["strangers", False]) < 0.7


def test_an_unknown_scene_is_refused():
    with pytest.raises(MmkdError, match="has no scene 'holiday/1'"):
        fieldguide.scene_of("holiday/1", **SEEDS)


def test_as_a_source_of_boxes_with_true_answers_about_each_bird(run):
    data = {"source": "scenes", "train": 6, "val": 2, "test": 2, "shift": 1, "strangers": 3, "species": 5}
    config = validate({"name": "t", "data": data, "aspects": {"source": "fieldguide", "subject": "box"}})
    record = build_image_table(config, run, lambda *_: None)
    assert record["images"] == {"train": 6, "val": 2, "test": 2, "shift": 1, "strangers": 3}
    images = read_splits(run, ["train", "strangers"])
    boxes = [box for row in images["boxes"].to_pylist() for box in row]
    assert {box["label"] for box in boxes} <= set(range(5))
    subjects = Subjects.of(config).rows(images)["image_id"].to_pylist()
    questions = ["Is the bird flying?", "Is the bird's back red?", "Is it Tuesday?"]
    known = {question.text for question in fieldguide.QUESTIONS}
    truth = true_answers(config.data, questions, subjects, None)
    assert set(truth) == known & set(questions)
    for answers in truth.values():
        assert list(answers) == subjects
