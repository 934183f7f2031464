from mmkd_ray.render.charts.groups import values_by_group
from mmkd_ray.render.units import SHARE


def test_the_hardest_group_of_the_first_arm_comes_first():
    chart = values_by_group(
        {"ce": {"at home": 0.9, "elsewhere": 0.3}, "makd": {"at home": 0.8, "elsewhere": 0.5}}, SHARE
    )
    assert chart
    assert [row.group for row in chart.rows] == ["elsewhere", "at home"]
    assert chart.rows[0].text == {"ce": "30.0", "makd": "50.0"}
    places = [row.at[arm] for row in chart.rows for arm in ("ce", "makd")]
    assert 0 < places[0] < places[1] < places[3] < places[2] < 100


def test_a_group_that_an_arm_was_not_measured_on_is_left_out():
    chart = values_by_group({"ce": {"a": 0.9, "b": 0.3}, "makd": {"a": 0.8}}, SHARE)
    assert chart
    assert [row.group for row in chart.rows] == ["a"]
    assert values_by_group({"ce": {"b": 0.3}, "makd": {"a": 0.8}}, SHARE) is None
    assert values_by_group({}, SHARE) is None
