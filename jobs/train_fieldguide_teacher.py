"""Train the field guide's teacher.

python jobs/train_fieldguide_teacher.py --output mmkd_ray/fieldguide/checkpoint --seed 0
"""

import argparse
from pathlib import Path

import torch

from mmkd_ray.fieldguide.teacher.progress import say
from mmkd_ray.fieldguide.teacher.recipe import Recipe
from mmkd_ray.fieldguide.teacher.train import train_teacher


def main() -> None:
    """Parse the arguments, train, print a table of accuracy by question."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--seed", type=int, default=0, help="decides pictures, weights and order")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="threads of torch; beside other work two were measured to be six times slower than one",
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    scores = train_teacher(args.output, Recipe(seed=args.seed))
    say(f"{'question':<16} {'base':>6} {'acc':>6} {'bal':>6} {'held':>6}")
    for score in scores:
        say(
            f"{score.question_id:<16} {score.base_rate:6.3f} {score.accuracy:6.3f} "
            f"{score.balanced_accuracy:6.3f} {score.heldout_wording_accuracy:6.3f}"
        )


if __name__ == "__main__":
    main()
