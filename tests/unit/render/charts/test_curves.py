from mmkd_ray.render.charts.curves import curves_over_severity
from mmkd_ray.render.units import SHARE


def test_severities_are_evenly_apart_and_a_curve_falls_to_the_right():
    chart = curves_over_severity({"ce": [[0.8, 0.4, 0.1], [0.6, 0.4, 0.1]]}, [0, 0.25, 8], SHARE)
    assert chart
    assert [(tick.at, tick.label) for tick in chart.x_ticks] == [(0, "0"), (50, "0.25"), (100, "8")]
    x, y = zip(*[tuple(map(float, point.split(","))) for point in chart.curves[0].line.split()], strict=True)
    assert x == (0, 50, 100)
    assert y[0] < y[1] < y[2]  # from the top
    assert chart.curves[0].band
    assert chart.seeds == 2


def test_one_severity_is_no_curve():
    assert curves_over_severity({"ce": [[0.5]]}, [0], SHARE) is None
    assert curves_over_severity({}, [0, 1], SHARE) is None
