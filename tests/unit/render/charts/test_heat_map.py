from xml.etree import ElementTree as ET

from mmkd_ray.render.charts.heat_map import Cell, Side, draw_heat_map
from mmkd_ray.render.svg import GRID, PAPER, shade


def test_cells_are_shaded_by_how_good_they_are():
    cells = {
        (0, 0): Cell("40.0", "1 finished", 0.0),
        (1, 0): Cell("60.0", "2 finished", 1.0),
        (1, 1): Cell("9", "-", None),
    }
    svg = ET.fromstring(draw_heat_map("Title", "below", Side("x", ["a", "b"]), Side("y", ["1", "2"]), cells))
    boxes = [element for element in svg.iter() if element.tag.endswith("rect")][1:]  # the first is the paper
    by_place = {(float(box.get("x")), float(box.get("y"))): box.get("fill") for box in boxes}
    (left, right), (upper, lower) = (sorted({place[axis] for place in by_place}) for axis in (0, 1))
    assert by_place == {
        (left, lower): shade(0.0), (left, upper): shade(1.0), (right, upper): PAPER, (right, lower): GRID
    }  # fmt: skip
    texts = ["".join(element.itertext()) for element in svg.iter() if element.tag.endswith("text")]
    assert texts == [
        "Title",
        "below",
        "40.0",
        "1 finished",
        "60.0",
        "2 finished",
        "9",
        "-",
        "a",
        "b",
        "1",
        "2",
        "x",
        "y",
    ]
