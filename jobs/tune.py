"""`mmkd tune` as a script, for `ray job submit`: `python jobs/tune.py CONFIG [key.path=value ...] [--resume]`."""

import sys

from mmkd_ray.cli import main

if __name__ == "__main__":
    sys.exit(main(["tune", *sys.argv[1:]]))
