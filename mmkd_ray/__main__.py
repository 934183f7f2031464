"""`python -m mmkd_ray`: the same as `mmkd`."""

import sys

from mmkd_ray.cli import main

if __name__ == "__main__":
    sys.exit(main())
