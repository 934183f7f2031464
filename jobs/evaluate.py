"""`mmkd evaluate` as a script, for `ray job submit`: `python jobs/evaluate.py CONFIG [key.path=value ...]`."""

import sys

from mmkd_ray.cli import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
