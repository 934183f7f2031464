"""`mmkd run` as a script, for `ray job submit`: `python jobs/run.py CONFIG [key.path=value ...]`."""

import sys

from mmkd_ray.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
