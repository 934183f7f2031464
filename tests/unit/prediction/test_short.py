from mmkd_ray import fieldguide
from mmkd_ray.prediction.short import short_forms


def test_words_that_many_questions_share_are_left_out():
    questions = [question.text for question in fieldguide.QUESTIONS]
    short = dict(zip((question.id for question in fieldguide.QUESTIONS), short_forms(questions), strict=True))
    assert short["crest"] == "crest"
    assert short["long_beak"] == "long beak"
    assert short["flying"] == "flying"
    assert short["orange_belly"] == "an orange belly"
    assert short["forest"] == "forest"
    assert len(set(short.values())) == len(questions)


def test_few_questions_stay_as_they_are():
    assert short_forms(["Is it red?", "Is it blue?"]) == ["Is it red", "Is it blue"]
    assert short_forms([]) == []
