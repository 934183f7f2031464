import numpy as np
import torch

from mmkd_ray.serve.replies import replies_of
from mmkd_ray.students.bundle import Prediction
from tests.support.toy_bundle import CARD


def said(class_logits_NC, aspect_logits_NQ):
    classes, aspects = torch.tensor(class_logits_NC), torch.tensor(aspect_logits_NQ)
    return Prediction(
        CARD.class_names, classes.numpy(), classes.softmax(1).numpy(), CARD.questions, aspects.numpy(),
        aspects.sigmoid().numpy(),
    )  # fmt: skip


def test_the_most_probable_classes_come_first_and_questions_in_their_order():
    (reply,) = replies_of(CARD, said([[0.0, 2.0, 1.0]], [[3.0, -3.0]]), top_classes=2)
    assert [one["name"] for one in reply["classes"]] == [CARD.class_names[1], CARD.class_names[2]]
    assert reply["class"] == CARD.class_names[1]
    np.testing.assert_allclose(reply["probability"], 0.665241, atol=1e-6)
    assert reply["aspects"] == [
        {"question": CARD.questions[0], "p_yes": 0.952574},
        {"question": CARD.questions[1], "p_yes": 0.047426},
    ]


def test_an_explanation_says_what_speaks_for_the_class_and_warns_where_the_aspects_fit_another():
    (reply,) = replies_of(CARD, said([[0.0, 2.0, 1.0]], [[3.0, -3.0]]), top_classes=3)
    why = reply["explanation"]
    assert (why["runner_up"], why["fits_best"]) == (CARD.class_names[2], CARD.class_names[0])
    assert why["warning"] == "the aspects fit red better than green"
    assert why["speaks_against"][0]["question"] == CARD.questions[1]


def test_without_answers_by_class_there_is_no_explanation():
    card = CARD.model_copy(update={"class_answers": None})
    (reply,) = replies_of(card, said([[0.0, 2.0, 1.0]], [[3.0, -3.0]]), top_classes=3)
    assert reply["explanation"] is None
