from dataclasses import replace

import numpy as np
import pytest

from mmkd_ray.config import PilotConfig
from mmkd_ray.evidence.information import entropy
from mmkd_ray.evidence.scores import score
from tests.support.pilot_answers import LABELS, N, answers, follows_class, question

PILOT = PilotConfig(bootstrap=50)
RNG = np.random.default_rng(0)
NOISE = RNG.permutation(np.repeat([0.1, 0.9], N // 2))
NEW = np.clip(follows_class(0.8) + RNG.normal(0, 0.25, N), 0.01, 0.99)


def scored(aspects, told, *, pilot=PILOT, least_mass=0.5, **more):
    return {one.question: one for one in score(aspects, told, pilot, least_mass=least_mass, **more)}


def only(told, **more):
    (one,) = scored([question("a")], told, **more).values()
    return one


def test_a_good_question_and_its_numbers():
    one = only(
        answers(follows_class(), mass={0: 0.8}, reworded={0: follows_class(0.8)}, flipped={0: follows_class(0.95)}),
        tokens={"Is it a?": 7},
    )
    assert (one.rank, one.verdict, one.reason, one.tokens) == (1, "good", "", 7)
    assert (one.mean, one.std, one.entropy) == pytest.approx((0.5, 0.4, 1.0), abs=1e-6)
    assert one.answer_mass == pytest.approx(0.8)
    assert one.reworded_change == pytest.approx(0.1)
    assert one.flipped_change == pytest.approx(0.05)
    assert one.information == pytest.approx(1 - entropy(np.array(0.9)), abs=0.01)
    assert one.information_low <= one.information <= one.information_high
    assert (one.redundancy, one.redundant_with) == (0, None)


@pytest.mark.parametrize(("level", "word"), [(0.02, "No"), (0.97, "Yes")])
def test_dead(level, word):
    one = only(answers(level + 0.01 * (LABELS - 0.5)))
    assert one.verdict == "dead"
    assert f"every image gets {word}: P(yes) is {level:.3f} +- 0.005" in one.reason


def test_the_limit_of_dead_is_configurable():
    told = answers(0.3 + 0.2 * (LABELS - 0.5))
    assert only(told).verdict == "good"
    assert only(told, pilot=PILOT.model_copy(update={"dead_below": 0.11})).verdict == "dead"


def test_a_rare_and_confident_yes_is_not_dead():
    rare = np.where(np.arange(N) == 4, 0.6, 0.01)
    assert rare.std() < PILOT.dead_below
    assert only(answers(rare)).verdict != "dead"


def test_unanswerable_by_answer_mass():
    one = only(answers(follows_class(), mass={0: 0.3}))
    assert one.verdict == "unanswerable"
    assert "neither Yes nor No: P(yes) + P(no) is 0.30 on average" in one.reason
    assert only(answers(follows_class(), mass={0: 0.3}), least_mass=0.2).verdict == "good"


def test_unstable_by_the_limit():
    told = answers(follows_class(), reworded={0: np.abs(follows_class() - 0.3)})
    one = only(told, pilot=PILOT.model_copy(update={"unstable_above": 0.19}))
    assert one.verdict == "unstable"
    assert one.reason == "another wording changes P(yes) by 0.20 on average"
    assert only(told, pilot=PILOT.model_copy(update={"unstable_above": 0.21})).verdict == "good"


def test_unstable_relative_to_the_deviation_over_the_images():
    """A change of 0.2 is below the limit, but the images change P(yes) by 0.1 only."""
    p_N = follows_class(0.6)
    one = only(answers(p_N, reworded={0: p_N + 0.2}))
    assert one.verdict == "unstable"
    assert one.reason == "another wording changes P(yes) by 0.20 on average, more than the images do (0.10)"
    assert only(answers(p_N, reworded={0: p_N + 0.09})).verdict == "good"


def test_a_flip_may_change_the_answer():
    assert only(answers(follows_class(), flipped={0: 1 - follows_class()})).verdict == "good"


def test_uninformative():
    one = only(answers(NOISE))
    assert one.verdict == "uninformative"
    assert "no more information about the class than chance" in one.reason
    assert one.information_low == 0


def test_redundant_names_the_better_question_in_any_order():
    better = follows_class()
    worse = np.clip(0.5 + 0.5 * (better - 0.5), 0, 1)
    for columns, names in (((worse, better, NEW), "abc"), ((better, worse, NEW), "bac")):
        found = scored([question(name) for name in names], answers(*columns))
        assert found["Is it a?"].verdict == "redundant"
        assert found["Is it a?"].reason == "'Is it b?' explains 100 % of its variance"
        assert found["Is it a?"].redundant_with == "Is it b?"
        assert found["Is it a?"].redundancy == pytest.approx(1, abs=1e-6)
        assert found["Is it b?"].verdict == found["Is it c?"].verdict == "good"
        assert found["Is it b?"].rank == 1


def test_a_bad_question_does_not_make_another_redundant():
    """The better twin is unstable: the other one is kept."""
    found = scored(
        [question("a"), question("b")], answers(follows_class(0.95), follows_class(0.9), reworded={0: 0.5, 1: 0.9})
    )
    assert {name: one.verdict for name, one in found.items()} == {"Is it a?": "unstable", "Is it b?": "unstable"}
    found = scored(
        [question("a"), question("b")],
        answers(follows_class(0.95), follows_class(0.9), reworded={0: 0.5, 1: follows_class(0.9)}),
    )
    assert {name: one.verdict for name, one in found.items()} == {"Is it a?": "unstable", "Is it b?": "good"}


def test_the_limit_of_redundant_is_configurable():
    told = answers(follows_class(), NEW)
    shared = np.corrcoef(follows_class(), NEW)[0, 1] ** 2
    aspects = [question("a"), question("b")]
    for limit, verdict in ((shared - 0.05, "redundant"), (shared + 0.05, "good")):
        pilot = PILOT.model_copy(update={"redundant_above": limit})
        assert scored(aspects, told, pilot=pilot)["Is it b?"].verdict == verdict


PLANTED = {
    "unanswerable": follows_class(0.98),
    "unstable": follows_class(0.97),
    "dead": np.full(N, 0.01),
    "uninformative": NOISE,
    "redundant": follows_class(0.7),
    "best": follows_class(0.9),
    "new": NEW,
}


@pytest.mark.parametrize("by", ["mrmr", "information"])
@pytest.mark.parametrize("backwards", [False, True])
def test_good_questions_come_first_and_the_worst_last(by, backwards):
    names = list(PLANTED)[:: -1 if backwards else 1]
    told = answers(
        *(PLANTED[name] for name in names),
        mass={names.index("unanswerable"): 0.1},
        reworded={names.index("unstable"): 0.5},
    )
    found = score([question(name) for name in names], told, PILOT, by=by, least_mass=0.5)
    assert [one.rank for one in found] == list(range(1, 8))
    assert [one.question for one in found] == [
        f"Is it {name}?" for name in ("best", "new", "redundant", "uninformative", "dead", "unstable", "unanswerable")
    ]
    assert [one.verdict for one in found] == [
        "good", "good", "redundant", "uninformative", "dead", "unstable", "unanswerable",
    ]  # fmt: skip


def test_redundancy_is_with_better_ranked_questions():
    found = score([question("b"), question("a")], answers(NEW, follows_class()), PILOT, least_mass=0.5)
    first, second = found
    assert (first.question, first.redundancy, first.redundant_with) == ("Is it a?", 0, None)
    assert second.redundant_with == "Is it a?"
    assert second.redundancy == pytest.approx(np.corrcoef(NEW, follows_class())[0, 1] ** 2, abs=1e-5)


def test_the_two_orders_differ_for_redundant_questions():
    """Three wordings of one thing, none of them redundant by a limit of 1, and another thing."""
    pilot = PILOT.model_copy(update={"redundant_above": 1.0})
    rng = np.random.default_rng(2)
    near = [np.clip(follows_class(strength) + rng.normal(0, 0.02, N), 0, 1) for strength in (0.9, 0.88, 0.86)]
    other = np.where(np.arange(N) % 4 < 2, 0.75, 0.25)
    told = replace(answers(*near, other), label_N=np.arange(N) % 4)
    aspects = [question(name) for name in ("a", "b", "c", "new")]
    orders = {
        by: [one.question[6:-1] for one in score(aspects, told, pilot, by=by, least_mass=0)]
        for by in ("information", "mrmr")
    }
    assert orders["information"] == ["a", "b", "c", "new"]
    assert orders["mrmr"] == ["a", "new", "b", "c"]


def test_what_was_not_measured_is_none():
    one = only(answers(follows_class(), mass="unknown"), least_mass=0.9)
    assert (one.answer_mass, one.reworded_change, one.flipped_change, one.tokens) == (None, None, None, None)
    assert one.verdict == "good"


def test_changes_are_means_over_the_images_that_have_both():
    told = answers(follows_class(), reworded={0: np.where(LABELS == 0, 0.7, np.nan)})
    assert only(told).reworded_change == pytest.approx(0.2, abs=1e-6)


def test_columns_belong_to_questions():
    aspects = [question("a", orientation_sensitive=True), question("b"), question("c")]
    told = answers(NEW, NOISE * 0.5, follows_class(), mass={1: 0.9}, flipped={2: 1 - follows_class()})
    found = scored(aspects, told, tokens={"Is it c?": 3})
    assert {name: round(one.mean, 4) for name, one in found.items()} == {
        "Is it a?": round(float(NEW.mean()), 4),
        "Is it b?": 0.25,
        "Is it c?": 0.5,
    }
    assert [found[f"Is it {name}?"].orientation_sensitive for name in "abc"] == [True, False, False]
    assert [found[f"Is it {name}?"].tokens for name in "abc"] == [None, None, 3]
    assert found["Is it b?"].answer_mass == pytest.approx(0.9)
    assert found["Is it c?"].flipped_change == pytest.approx(0.8, abs=1e-6)
    assert found["Is it a?"].flipped_change is None
