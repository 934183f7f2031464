"""The folders of a run, and what it shares with the other runs of its storage path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmkd_ray.artifacts.damage import damaged
from mmkd_ray.artifacts.folder import RECORD, Folder
from mmkd_ray.errors import ArtifactError

SHARED = "shared"
"""Folder of a storage path for what its runs have in common; no run may have this name."""
IMAGES, ANSWERS = "images.json", "answers.json"
"""Files of a run: which image table, and which teachers' answers, it refers to."""


@dataclass(frozen=True)
class Run:
    """The folders of one run, and what it shares with the other runs of its storage path."""

    folder: Folder

    @property
    def name(self) -> str:
        """The run's own within its storage path."""
        return self.folder.uri.rstrip("/").rpartition("/")[2]

    @property
    def shared(self) -> Folder:
        """What all runs of the storage path have in common: `images/KEY/` and `answers/KEY/`."""
        return self.folder.parent.child(SHARED)

    @property
    def images(self) -> Folder:
        """The shared image table that the run refers to: `table/*.parquet`, `quarantine.parquet`, the record.

        A place that holds nothing, as long as it refers to none.

        Raises:
            ArtifactError: the run was made by version 0.1.0, which kept images and answers in the run's own folder.
        """
        if (key := self.image_key()) is None:
            self._refuse_old_layout()
            return self.folder.child("images")
        return self.shared.child("images", key)

    def image_key(self) -> str | None:
        """The key of the image table that the run refers to; None if it refers to none yet."""
        return self.image_reference().get("key")

    def image_reference(self) -> dict[str, Any]:
        """Which image table the run refers to (`key`), and what was noted with it; empty if it refers to none yet."""
        return self.folder.find_json(IMAGES)

    def refer_to_images(self, key: str, **facts: Any) -> Folder:
        """Make `shared/images/KEY` the run's image table, in the place of another one, which stays where it is.

        Args:
            key: of the table.
            facts: what is to be noted with it; see `data.origin`.
        """
        self.folder.write_json(IMAGES, {"key": key, **facts})
        return self.images

    @property
    def aspects(self) -> Folder:
        """The questions: what an LLM said, what was accepted, `aspects.yaml`, the record of their selection."""
        return self.folder.child("aspects")

    @property
    def evidence(self) -> Folder:
        """What questions are worth: their scores on a pilot sample, a page, and the audit."""
        return self.folder.child("evidence")

    @property
    def teacher(self) -> Folder:
        """The teacher table: `table/*.parquet`, `questions.json`, `quarantine.parquet`, the record."""
        return self.folder.child("teacher")

    def answers(self, key: str) -> Folder:
        """Everything that one teacher, asked in one way, has answered to any run: what teacher tables are made from."""
        return self.shared.child("answers", key)

    def refer_to_answers(self, key: str) -> None:
        """Note, before anything is asked, that the run needs `shared/answers/KEY`."""
        keys = self.answer_keys()
        if key not in keys:
            self.folder.write_json(ANSWERS, {"keys": [*keys, key]})

    def answer_keys(self) -> list[str]:
        """The keys of all answers that the run has ever needed: a teacher may be set back."""
        return self.folder.find_json(ANSWERS).get("keys", [])

    def check_references(self) -> None:
        """Read what the run refers to.

        Raises:
            DamagedError: a file that says so cannot be read; the properties of a run take it for one that is not there.
        """
        for name, key in ((IMAGES, "key"), (ANSWERS, "keys")):
            if self.folder.exists(name) and key not in self.folder.read_mapping(name):
                raise damaged(self.folder.place(name), f"it has no '{key}'")

    @property
    def study(self) -> Folder:
        """One folder for each student of a study, and Ray Train's checkpoints."""
        return self.folder.child("study")

    @property
    def tune(self) -> Folder:
        """A search: its table of trials, the best configuration, charts, and Ray Tune's folder of each trial."""
        return self.folder.child("tune")

    def _refuse_old_layout(self) -> None:
        if self.folder.child("images").exists(RECORD) or self.folder.exists("answers"):
            raise ArtifactError(
                f"{self.folder.uri} was made by version 0.1.0, which kept images and answers in the run's own folder; "
                f"now runs share them: choose another name or storage.path, or delete {self.folder.uri}"
            )

    def require(self, folder: Folder, command: str, **facts: Any) -> dict[str, Any]:
        """The record of a finished stage, which must state these facts.

        Raises:
            ArtifactError: the stage has not been run so; the message names the command that does.
        """
        record = folder.record()
        if record is None:
            raise ArtifactError(f"{folder.uri} is not finished: run `mmkd {command} CONFIG` first{self._elsewhere()}")
        if any(record.get(key) != value for key, value in facts.items()):
            raise ArtifactError(f"{folder.uri} was made for another configuration: run `mmkd {command} CONFIG` first")
        return record

    def _elsewhere(self) -> str:
        """For a message about a run that has nothing yet: it may be looked for in the wrong place."""
        if self.image_key() is not None or "://" in self.folder.uri:
            return ""
        return f" ({self.folder.uri} has no images yet; a relative storage.path starts from the current folder)"


def open_run(storage_path: str, name: str) -> Run:
    """The run `name` under `storage_path`."""
    return Run(Folder.at(storage_path).child(name))
