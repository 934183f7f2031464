"""`mmkd report` as a script, for `ray job submit`: `python jobs/report.py CONFIG [key.path=value ...]`."""

import sys

from mmkd_ray.cli import main

if __name__ == "__main__":
    sys.exit(main(["report", *sys.argv[1:]]))
