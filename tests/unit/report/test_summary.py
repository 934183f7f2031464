import re

import numpy as np
import pytest

from mmkd_ray.evaluate.evaluation import SHIFT_MEAN, ArmResults, Evaluation, Measure
from mmkd_ray.metrics.sampling import Bounds
from mmkd_ray.metrics.statistics import PairedDifference
from mmkd_ray.report.summary import SUMMARY, shown_results, summarise_arms, write_summary
from mmkd_ray.tasks.classify import CLASSIFY
from tests.support.report_run import Plan, make

METRIC = CLASSIFY.primary


def as_text(evaluation):
    return "\n".join(map(str, shown_results(evaluation)))


def arm(values, *, difference=None, shift=None, seconds=61.2):
    """An arm with these test values, one a seed."""
    found = [Measure(probe="clean", severity=0, split="test", metric=METRIC.name, values=values, difference=difference)]
    if shift is not None:
        found.append(
            Measure(probe="clean", severity=0, split=SHIFT_MEAN, metric=METRIC.name, values=(shift,) * len(values))
        )
    return ArmResults(
        seeds=tuple(range(len(values))), measures=tuple(found), by_class=(), fidelity=(),
        seconds=(seconds,) * len(values), best_epoch=(0,) * len(values), history=(),
    )  # fmt: skip


CE = arm((0.6288, 0.6372), shift=0.42)


def makd(mean, low, high, over_images=None):
    difference = PairedDifference(mean, low, high, (mean,) if low is None else (mean, mean), over_images)
    return arm((0.6288 + mean, 0.6372 + mean), shift=0.42, difference=difference)


def table(**arms):
    return as_text(
        Evaluation(
            study="", task=CLASSIFY.name, classes=(), questions=(), images={}, confidence=0.95, variants={"": arms}
        )
    )


def test_the_table_has_a_row_an_arm():
    lines = table(ce=CE, makd=makd(0.039, 0.01, 0.068)).splitlines()
    assert re.split(" {2,}", lines[0]) == [
        "arm", "seeds", "test top-1", "difference to ce [95 % over seeds]", "[over test images]", "unseen",
    ]  # fmt: skip
    assert lines[2].split() == ["ce", "2", "63.3", "+-", "0.6", "%", "-", "-", "42.0", "%"]
    assert "makd  2      67.2 +- 0.6 %  +3.9 [+1.0, +6.8]" in lines[3]


def test_it_says_plainly_what_was_measured():
    assert "makd: +3.9 points against ce; the 95 % interval over seeds excludes 0" in table(
        ce=CE, makd=makd(0.039, 0.01, 0.068)
    )
    assert "makd: +1.0 points against ce, within noise" in table(ce=CE, makd=makd(0.01, -0.01, 0.03))
    assert "with one seed, which says nothing about chance" in table(ce=CE, makd=makd(0.01, None, None))


def test_the_interval_over_images_stands_beside_that_over_seeds():
    text = table(ce=CE, makd=makd(0.039, 0.01, 0.068, Bounds(0.02, 0.058)))
    assert "+3.9 [+1.0, +6.8]" in text
    assert "[+2.0, +5.8]" in text
    assert "the 95 % interval over seeds excludes 0, that over test images too" in text
    text = table(ce=CE, makd=makd(0.039, 0.01, 0.068, Bounds(-0.002, 0.08)))
    assert "excludes 0, that over test images does not: on other images there may be no difference" in text


def test_without_spread_or_shift_set():
    line = table(ce=arm((0.633,))).splitlines()[2]
    assert line.split() == ["ce", "1", "63.3", "%", "-", "-", "-"]


DIFFERENCE = {"mean", "low", "high", "per_seed", "over_images", "excludes_zero"}
ARM = {
    "seeds", "top1", "top1_mean", "top1_std", "top1_over_images",
    "top5_mean", "shift_top1_mean", "aspect_fidelity_auc", "seconds_mean",
    "difference", "shift_difference",
}  # fmt: skip


def test_summary_json_has_every_key_that_is_documented_and_keeps_its_numbers(tmp_path):
    made = make(tmp_path, Plan())
    summary = write_summary(made.config, made.run, made.evaluation, answer_mass={"?": 0.9}, seconds={"train": 1.234})
    assert made.run.folder.read_json(SUMMARY) == summary
    assert set(summary) == {
        "name", "arms", "variants", "images", "classes", "confidence", "ledger", "answer_mass", "seconds", "versions",
    }  # fmt: skip
    assert summary["images"] == {"train": 36, "val": 36, "test": 36, "shift": 36}
    assert (summary["classes"], summary["confidence"], summary["variants"]) == (3, 0.95, {})
    assert summary["seconds"] == {"train": 1.23}
    ce, makd = summary["arms"]["ce"], summary["arms"]["makd"]
    assert set(ce) == set(makd) == ARM
    assert makd["seeds"] == [0, 1, 2]
    assert makd["top1"] == [25 / 36, 26 / 36, 25 / 36]
    assert makd["top1_mean"] == pytest.approx(np.mean(makd["top1"]))
    assert makd["top1_std"] == pytest.approx(np.std(makd["top1"], ddof=1))
    assert (makd["top5_mean"], makd["shift_top1_mean"], makd["seconds_mean"]) == (1.0, 0.5, 7.5)
    assert 0.4 < makd["aspect_fidelity_auc"] < 0.6
    assert (ce["difference"], ce["shift_difference"]) == (None, None)
    assert set(makd["difference"]) == set(makd["shift_difference"]) == DIFFERENCE
    assert makd["difference"]["per_seed"] == pytest.approx([5 / 36, 5 / 36, 6 / 36])
    assert makd["difference"]["excludes_zero"]
    for interval, mean in (
        (makd["top1_over_images"], makd["top1_mean"]),
        (makd["difference"]["over_images"], makd["difference"]["mean"]),
    ):
        assert interval["low"] < mean < interval["high"]


def test_variants_have_the_same_keys_as_arms():
    variants = {"small": {"ce": CE}, "large": {"ce": CE}}
    evaluation = Evaluation(
        study="", task=CLASSIFY.name, classes=(), questions=(), images={}, confidence=0.95, variants=variants
    )
    assert set(summarise_arms(evaluation.named_variants["large"], CLASSIFY)["ce"]) == ARM
    assert str(shown_results(evaluation)[0]) == "small"
