"""`mmkd extract` as a script, for `ray job submit`: `python jobs/extract.py CONFIG [key.path=value ...]`."""

import sys

from mmkd_ray.cli import main

if __name__ == "__main__":
    sys.exit(main(["extract", *sys.argv[1:]]))
