"""`mmkd images` as a script, for `ray job submit`: `python jobs/images.py CONFIG [key.path=value ...]`."""

import sys

from mmkd_ray.cli import main

if __name__ == "__main__":
    sys.exit(main(["images", *sys.argv[1:]]))
