"""`mmkd aspects` as a script, for `ray job submit`: `python jobs/aspects.py [score|audit] CONFIG [key=value ...]`."""

import sys

from mmkd_ray.cli import main

if __name__ == "__main__":
    sys.exit(main(["aspects", *sys.argv[1:]]))
