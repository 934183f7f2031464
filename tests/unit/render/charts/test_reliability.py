from mmkd_ray.render.charts.reliability import Bin, reliability_diagram


def test_a_line_goes_through_the_bins_that_hold_enough_images():
    chart = reliability_diagram({"ce": [Bin(0.3, 0.2, 0.5), Bin(0.6, 1.0, 0.001), Bin(0.9, 0.8, 0.499)]})
    assert chart
    assert chart.lines[0].dots == [(30, 80), (90, 20)]
    assert chart.lines[0].line == "30,80 90,20"


def test_without_arms_there_is_no_diagram():
    assert reliability_diagram({}) is None
