"""Build the documentation site: `python docs/site/build.py [FOLDER]`; any broken link or page without a place fails.

Writes the pages into FOLDER/pages and the site into FOLDER/html (`site/` by default). It asks no other host.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY))

from docs.site.pages import write_pages  # noqa: E402 (its place is known only now)


def build(folder: Path) -> Path:
    """Build the site and give the folder of its HTML.

    Raises:
        CalledProcessError: the strict build found something.
    """
    pages, html = folder / "pages", folder / "html"
    for old in (pages, html):
        shutil.rmtree(old, ignore_errors=True)
    write_pages(pages)
    run_mkdocs(pages, html)
    return html


def run_mkdocs(pages: Path, html: Path, settings: Path = REPOSITORY / "mkdocs.yml") -> None:
    """Make HTML of Markdown.

    Raises:
        CalledProcessError: the strict build found something; it stands on standard error.
    """
    places = {"MMKD_SITE_PAGES": str(pages.resolve()), "MMKD_SITE_HTML": str(html.resolve())}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(settings)]
    environment = {**os.environ, **places, "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run(command, check=True, env=environment)  # noqa: S603 (our own words)


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else REPOSITORY / "site")) / "index.html")
