"""The tables of robustness.html as text: `python docs/benchmarks/robustness_table.py CONFIG [key=value ...]`."""

import sys

from mmkd_ray.config import load
from mmkd_ray.evaluate.evaluation import read_evaluation
from mmkd_ray.report.families import columns_of
from mmkd_ray.report.measures import Cell, measure_table
from mmkd_ray.stages.opening import run_of

config = load(sys.argv[1], sys.argv[2:])
evaluation = read_evaluation(config, run_of(config))
table = measure_table(columns_of(evaluation), confidence=evaluation.confidence)


def text(cell: Cell) -> str:
    """A value, and its difference to the baseline."""
    if not cell.difference:
        return cell.value
    difference = f"{cell.difference} [{cell.interval}]"
    return f"{cell.value}; {f'**{difference}**' if cell.is_beyond_noise else difference}{' ●' if cell.survives else ''}"


for section, columns in table.sections.items():
    print(f"{section.title}\n")
    print("| arm | " + " | ".join(f"{column.title}, {column.note}".rstrip(", ") for _, column in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for (variant, arm), row in table.rows.items():
        name = f"{variant}, `{arm}`" if variant else f"`{arm}`"
        print(f"| {name} | " + " | ".join(text(row[place]) for place, _ in columns) + " |")
    print()
print(f"{table.compared} differences with an interval")
