import json

import pytest

from mmkd_ray.answers.query import Query, mirrored


@pytest.mark.parametrize("query", [Query("Is it red?"), mirrored("Is it red?"), Query("Is it red? [image mirrored]")])
def test_a_query_comes_back_from_a_file(query):
    assert Query.of(json.loads(json.dumps(query.as_json()))) == query
    assert Query.of(query) is query


def test_of_the_plain_view_the_text_alone_is_written():
    assert Query("Is it red?").as_json() == "Is it red?"
    assert mirrored("Is it red?").as_json() == {"question": "Is it red?", "view": "mirrored"}


def test_a_text_alone_is_a_question_about_the_plain_view_whatever_it_ends_in():
    assert Query.of("Is it red? [image mirrored]") == Query("Is it red? [image mirrored]", "plain")
    assert Query.of("Is it red? [image mirrored]") != mirrored("Is it red?")
