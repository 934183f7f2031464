import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmkd_ray.answers.interop.names import match_names
from mmkd_ray.errors import DataError


def matched(names, wanted, others=()):
    return match_names(names, wanted, others, "p.json")


@pytest.mark.parametrize(
    ("name", "image_id"),
    [
        ("rose/7.jpg", "rose/7.jpg"),
        ("7.jpg", "train/rose/7.jpg"),
        ("rose/7", "train/rose/7.jpg"),
        ("rose/7.png", "train/rose/7.jpg"),
        ("/data/rose/7.jpg", "rose/7.jpg"),
        ("rose\\7.jpg", "rose/7.jpg"),
        ("jpg/7.jpg", "train/rose/7.jpg"),
        ("7.jpg", "train/rose/7"),
        ("7e\u0301.jpg", "7\u00e9.jpg"),
    ],
)
def test_a_name_matches_its_image(name, image_id):
    assert matched([name], [image_id, "train/tulip/8.jpg"]).image_of == {name: image_id}


@pytest.mark.parametrize(
    ("name", "image_id"),
    [("7.jpg", "17.jpg"), ("v1.0", "v1.5"), ("", "7.jpg"), ("/", "7.jpg"), ("rose/7.jpg/x", "rose/7.jpg"), ("a", "A")],
)
def test_a_name_does_not_match_an_image_that_only_looks_like_it(name, image_id):
    found = matched([name], [image_id])
    assert (found.image_of, found.unmatched) == ({}, (name,))


def test_a_whole_id_is_preferred_to_one_with_the_same_end():
    assert matched(["7.jpg"], ["7.jpg", "rose/7.jpg"]).image_of == {"7.jpg": "7.jpg"}


def test_a_name_that_matches_several_images_is_refused():
    with pytest.raises(
        DataError,
        match=r"p.json: 2 names could match several images, e.g. '7.jpg' \(rose/7.jpg or tulip/7.jpg\), '8' \(.*\); "
        "write more of the path",
    ):
        matched(["7.jpg", "8"], ["rose/7.jpg", "tulip/7.jpg", "rose/8.jpg", "rose/8.png"])


def test_an_image_that_matches_several_names_is_refused():
    for names in (["x/7.jpg", "y/7.jpg"], ["7.jpg", "7.png"]):
        with pytest.raises(DataError, match=r"p.json: 1 image could match several names, e.g. rose/7.gif \("):
            matched(names, ["rose/7.gif"])


def test_names_in_other_folders_do_not_match_if_some_folders_agree():
    found = matched(["rose/7.jpg", "tulip/8.jpg"], ["rose/7.jpg", "rose/8.jpg"])
    assert found.image_of == {"rose/7.jpg": "rose/7.jpg"}
    assert found.unmatched == ("tulip/8.jpg",)
    # The class is in both, the folder above it in neither: the class counts.
    found = matched(["x/rose/7.jpg", "x/tulip/8.jpg"], ["train/rose/7.jpg", "train/rose/8.jpg"])
    assert found.image_of == {"x/rose/7.jpg": "train/rose/7.jpg"}


def test_names_of_other_images_are_not_needed_even_if_they_are_ambiguous():
    found = matched(["train/7.jpg", "test/8.jpg", "9.jpg"], ["train/7.jpg"], ["test/8.jpg", "a/9.jpg", "b/9.jpg"])
    assert found.image_of == {"train/7.jpg": "train/7.jpg"}
    assert found.not_wanted == ("test/8.jpg", "9.jpg")
    with pytest.raises(DataError, match="could match several images"):
        matched(["7.jpg"], ["train/7.jpg"], ["test/7.jpg"])


part = st.sampled_from("abc")


@given(
    ids=st.sets(st.lists(part, min_size=1, max_size=3).map("/".join), min_size=1),
    names=st.sets(st.lists(part, max_size=3).map("/".join)),
)
def test_every_name_is_accounted_for_once_and_whole_ids_always_match(ids, names):
    try:
        found = matched([*names, *ids], ids)
    except DataError:
        return
    assert sorted([*found.image_of, *found.not_wanted, *found.unmatched]) == sorted(names | ids)
    assert all(found.image_of[image_id] == image_id for image_id in ids)
