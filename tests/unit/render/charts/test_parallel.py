from xml.etree import ElementTree as ET

from mmkd_ray.render.charts.parallel import HEIGHT, LEFT, STEP, TOP, Axis, Line, draw_parallel
from mmkd_ray.render.scale import Tick
from mmkd_ray.render.svg import BEST, shade

AXES = {
    "alpha": Axis(lambda value: 10 * value, [Tick(0, "0"), Tick(100, "10")]),
    "top-1": Axis(lambda value: value, [Tick(50, "50")]),
}


def test_a_line_goes_through_the_values_of_its_axes():
    lines = [
        Line({"alpha": 0, "top-1": 25}, 0.0, dashed=True, tip="trial 1"),
        Line({"alpha": 10, "top-1": 75}, 1.0, True),
    ]
    svg = ET.fromstring(draw_parallel("Title", "below", AXES, lines))
    drawn = [element for element in svg.iter() if element.tag.endswith("polyline")][:2]
    assert drawn[0].get("points") == f"{LEFT},{TOP + HEIGHT} {LEFT + STEP},{TOP + 0.75 * HEIGHT:g}"
    assert [line.get("stroke") for line in drawn] == [shade(0.25), BEST]
    assert [line.get("stroke-dasharray") for line in drawn] == ["4 4", None]
    assert drawn[0][0].text == "trial 1"


def test_the_last_axis_has_its_labels_on_the_right():
    svg = ET.fromstring(draw_parallel("Title", "below", AXES, []))
    anchors = {"".join(e.itertext()): e.get("text-anchor") for e in svg.iter() if e.tag.endswith("text")}
    assert (anchors["0"], anchors["10"], anchors["50"]) == ("end", "end", "start")
