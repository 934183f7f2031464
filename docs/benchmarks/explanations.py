"""Do explanations say what moves a student? `python docs/benchmarks/explanations.py CONFIG FOLDER [key=value ...]`.

CONFIG is that of a finished run on the field guide; FOLDER gets explanations.json and explanations.md. The field guide
draws an image from its traits, so the image can be drawn again with one trait changed and all else as it was.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmkd_ray.benchmark.results import Measurement, write_results
from mmkd_ray.config import Config, load
from mmkd_ray.data.table import labels_of, read_splits
from mmkd_ray.fieldguide.dataset import picture_of
from mmkd_ray.fieldguide.questions import QUESTIONS, answers
from mmkd_ray.fieldguide.render import render
from mmkd_ray.fieldguide.species import make_species
from mmkd_ray.fieldguide.traits import (
    BACKS,
    BELLIES,
    HABITATS,
    HEADS,
    MARKS,
    OBJECTS,
    PATTERNS,
    POSES,
    SHIFT_HABITATS,
    Picture,
)  # fmt: skip
from mmkd_ray.metrics.agreement import agreement, agreement_with_all, log_odds
from mmkd_ray.metrics.classification import roc_auc
from mmkd_ray.metrics.selective import area_under_risk_coverage
from mmkd_ray.stages.opening import run_of
from mmkd_ray.students.bundle import Bundle, load_bundle
from mmkd_ray.study.students import trained_students

STEPS = 3
"""Traits that are changed, one after the other."""
EVERY = 5
"""Of the test images, one in so many is drawn again."""
BIRD = {**dict.fromkeys(MARKS, (False, True)), "back": BACKS, "belly": BELLIES, "head": HEADS, "pattern": PATTERNS}
SCENE = {
    "pose": POSES, "thing": OBJECTS, "facing_left": (False, True), "sun_left": (False, True), "cloud": (False, True),
    "night": (False, True),
}  # fmt: skip
ON_LEGS = ("long_legs", "red_legs")

NOTES = [
    f"Of the test images one in {EVERY} is drawn again; `warned` is of all images.",
    "Moves: of the logit of the named class less that of the runner-up, after less before.",
    "`by the aspects`: of the sum that the explanation takes.",
    "`speaks for`: the answers that the explanation names first are changed; `at random`: answers drawn at random.",
]


@dataclass(frozen=True)
class Changed:
    """A picture with one trait of another value, and the questions whose true answer is another now."""

    picture: Picture
    trait: str
    flipped: frozenset[str]


def changes(picture: Picture) -> Iterator[Changed]:
    """Every picture that differs in one trait; placement, light and texture stay."""
    before = answers(picture)
    scene = SCENE | {"habitat": SHIFT_HABITATS if picture.scene.habitat in SHIFT_HABITATS else HABITATS}
    for part, traits in (("bird", BIRD), ("scene", scene)):
        drawn = getattr(picture, part)
        for trait, values in traits.items():
            for value in values:
                if value != getattr(drawn, trait):
                    other = replace(picture, **{part: replace(drawn, **{trait: value})})
                    now = answers(other)
                    yield Changed(other, trait, frozenset(name for name in now if now[name] != before[name]))


def change_answer(picture: Picture, question: str, kept: set[str], rng: np.random.Generator) -> Changed | None:
    """The picture with another true answer to a question, and as few others as can be; None where that cannot be.

    Args:
        picture: as it is.
        question: its id.
        kept: traits that must stay.
        rng: chooses among several values.
    """
    if question in ON_LEGS and not picture.shows_legs:
        return None
    found = [one for one in changes(picture) if question in one.flipped and one.trait not in kept]
    fewest = min((len(one.flipped) for one in found), default=0)
    best = [one for one in found if len(one.flipped) == fewest]
    return best[int(rng.integers(len(best)))] if best else None


def change_in_turn(picture: Picture, questions: Sequence[str], rng: np.random.Generator) -> list[Picture]:
    """The picture after one change, two, ..., `STEPS`: of the first questions whose answer can be changed."""
    made: list[Picture] = []
    kept: set[str] = set()
    for question in questions:
        if (changed := change_answer(picture, question, kept, rng)) is not None:
            picture = changed.picture
            kept.add(changed.trait)
            made.append(picture)
            if len(made) == STEPS:
                break
    return made


class Drawn:
    """The images of a split, drawn again from their traits."""

    def __init__(self, config: Config, split: str) -> None:
        data, table = config.data, read_splits(run_of(config), [split], columns=["image_id", "label"])
        species, self.labels_N = make_species(data.species_seed), labels_of(table)
        numbers = [int(image_id.rpartition("/")[2]) for image_id in table["image_id"].to_pylist()]
        self.pictures = [
            picture_of(species[label], label=label, split=split, number=number, seed=data.image_seed)
            for label, number in zip(self.labels_N, numbers, strict=True)
        ]
        self.images = [render(picture) for picture in self.pictures]


class Seen:
    """What one student says of the images of a split."""

    def __init__(self, bundle: Bundle, drawn: Drawn, every: int = 1) -> None:
        self.bundle, self.pictures, labels_N = bundle, drawn.pictures[::every], drawn.labels_N[::every]
        self.answers_CQ = np.array(bundle.card.class_answers)
        said = bundle.predict(drawn.images[::every])
        self.class_logits_NC, self.aspect_logits_NQ = said.class_logits_NC, said.aspect_logits_NQ
        self.confidence_N = said.class_probabilities_NC.max(axis=1)
        order_NC = np.argsort(-said.class_logits_NC, axis=1, kind="stable")
        self.named_N, self.other_N = order_NC[:, 0], order_NC[:, 1]
        self.right_N = self.named_N == labels_N
        self.log_odds_NQ = log_odds(said.aspect_logits_NQ, self.named_N, self.other_N, self.answers_CQ)

    def class_log_odds(self, class_logits_NC: np.ndarray) -> np.ndarray:
        """Of the named class against the runner-up, by the class outputs."""
        rows = np.arange(len(self.named_N))
        return class_logits_NC[rows, self.named_N] - class_logits_NC[rows, self.other_N]


def deletion(seen: Seen, seed: int) -> dict[str, tuple[float, str]]:
    """What changing traits does to the class outputs, in three orders of the questions."""
    ids = [question.id for question in QUESTIONS]
    by_text = {question.text: question.id for question in QUESTIONS}
    assert [by_text[text] for text in seen.bundle.card.questions] == ids, "all questions, in their order"
    orders = {
        "speaks for": np.argsort(-seen.log_odds_NQ, axis=1),
        "speaks against": np.argsort(seen.log_odds_NQ, axis=1),
        "at random": np.random.default_rng(seed).permuted(
            np.tile(np.arange(len(ids)), (len(seen.pictures), 1)), axis=1
        ),
    }
    before_N = seen.class_log_odds(seen.class_logits_NC)
    found = {}
    for name, order_NQ in orders.items():
        rng = np.random.default_rng(seed)
        made = [
            change_in_turn(picture, [ids[place] for place in order], rng)
            for picture, order in zip(seen.pictures, order_NQ, strict=True)
        ]
        for step in (1, STEPS):
            after = seen.bundle.predict([render(pictures[step - 1]) for pictures in made])
            moved_N = seen.class_log_odds(after.class_logits_NC) - before_N
            key = f"{name}, {step} changed"
            found[f"{key}: log-odds of the class move by"] = (float(moved_N.mean()), "nats")
            found[f"{key}: they fall"] = (100 * float((moved_N < 0).mean()), "%")
            still_N = after.class_logits_NC.argmax(axis=1) == seen.named_N
            found[f"{key}: the class is still named"] = (100 * float(still_N.mean()), "%")
            if step == 1:
                naive_N = log_odds(after.aspect_logits_NQ, seen.named_N, seen.other_N, seen.answers_CQ).sum(axis=1)
                of_aspects_N = naive_N - seen.log_odds_NQ.sum(axis=1)
                found[f"{key}: log-odds by the aspects move by"] = (float(of_aspects_N.mean()), "nats")
                both = float(np.corrcoef(of_aspects_N, moved_N)[0, 1])
                found[f"{key}: correlation of both moves"] = (both, "")
    return found


def warning(seen: Seen, val: Seen, split: str) -> dict[str, tuple[float, str]]:
    """What disagreement of class and aspects tells of errors, beside confidence."""

    def margin(of: Seen) -> np.ndarray:
        """How much better the aspects fit another class; 0 where they fit the named one best."""
        all_NC = agreement_with_all(of.aspect_logits_NQ, of.answers_CQ)
        return all_NC.max(axis=1) - all_NC[np.arange(len(all_NC)), of.named_N]

    agrees_N, margin_N = agreement(seen.aspect_logits_NQ, seen.named_N, seen.answers_CQ), margin(seen)
    wrong_N, threshold = ~seen.right_N, float(np.quantile(margin(val)[val.right_N], 0.9))
    found = {f"{split}: wrong": (100 * float(wrong_N.mean()), "%")}
    scores = {"confidence": seen.confidence_N, "agreement": agrees_N, "how much better another class fits": -margin_N}
    for name, score_N in scores.items():
        found[f"{split}: errors found by {name} (AUROC)"] = (roc_auc(-score_N, wrong_N), "")
        found[f"{split}: area under risk and coverage by {name}"] = (
            100 * area_under_risk_coverage(score_N, seen.right_N), "%",
        )  # fmt: skip
    sure_N = seen.confidence_N >= np.median(seen.confidence_N)
    for name, warned_N in (
        ("another class fits better", margin_N > 0),
        ("by more than for 90 % of the right of val", margin_N > threshold),
    ):
        found[f"{split}: warned, {name}: of the right"] = (100 * float(warned_N[seen.right_N].mean()), "%")
        found[f"{split}: warned, {name}: of the wrong"] = (100 * float(warned_N[wrong_N].mean()), "%")
        for part, rows_N in (("warned", warned_N), ("not warned", ~warned_N)):
            for among, of_N in (("all", wrong_N[rows_N]), ("the surer half", wrong_N[rows_N & sure_N])):
                share = 100 * float(of_N.mean()) if len(of_N) else float("nan")
                found[f"{split}: wrong among {among}, {part}, {name}"] = (share, "%")
    return found


def main() -> None:
    """Measure every `makd` student of the run."""
    config = load(sys.argv[1], sys.argv[3:])
    run, drawn = run_of(config), {split: Drawn(config, split) for split in ("val", "test", "shift")}
    values: dict[str, list[float]] = {}
    units: dict[str, str] = {}
    for spec in trained_students(config, run):
        if spec.arm != "makd":
            continue
        bundle = load_bundle(spec.folder(run))
        seen = {split: Seen(bundle, of_split) for split, of_split in drawn.items()}
        measured = deletion(Seen(bundle, drawn["test"], EVERY), spec.seed)
        for split in ("test", "shift"):
            measured |= warning(seen[split], seen["val"], split)
        for name, (value, unit) in measured.items():
            values.setdefault(name, []).append(value)
            units[name] = unit
        print(spec, flush=True)
    measurements = [Measurement(name, of_seeds, units[name]) for name, of_seeds in values.items()]
    write_results(sys.argv[2], "explanations", ratios=[], measurements=measurements, notes=NOTES)


main()
