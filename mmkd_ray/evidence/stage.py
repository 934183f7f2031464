"""The stages about questions: select them, score them, audit the teacher's answers to them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from mmkd_ray.answers.identity import require_teacher, teacher_identity
from mmkd_ray.answers.teacher import is_in_reach
from mmkd_ray.artifacts import RECORD, Run
from mmkd_ray.aspects.file import new_file, reranked
from mmkd_ray.aspects.questions import FILE, Aspect, in_own_order, is_selected, load_aspects, selection_settings
from mmkd_ray.cluster.monitor import ProgressCallback
from mmkd_ray.config import Config, FileAspects, ImportedTeacher, LlmAspects, VllmTeacher
from mmkd_ray.data.sources.attributes import true_answers
from mmkd_ray.data.table import require_images
from mmkd_ray.errors import ArtifactError, AspectError, DataError
from mmkd_ray.evidence.answers import PilotAnswers
from mmkd_ray.evidence.audit import audit
from mmkd_ray.evidence.pilot import ask_pilot, pilot_lacks_answers, stored_answers
from mmkd_ray.evidence.scores import Score, score
from mmkd_ray.evidence.tables import AUDIT, PILOT, SCORES
from mmkd_ray.extract.cost import question_tokens
from mmkd_ray.identity import identify, settings
from mmkd_ray.propose.language_model import identity as llm_identity
from mmkd_ray.propose.stage import candidates, known_candidates


def select_aspects(config: Config, run: Run, progress: ProgressCallback) -> dict[str, Any]:
    """Choose the questions of a run, and write them to `aspects.yaml`, a file that a person may edit.

    Free if it has been done; then the file stands as it is, edited or not.

    Args:
        config: the run's configuration, `aspects.select` anything but `file`.
        run: with its image table finished.
        progress: of the pilot.

    Returns:
        The record: `selected`, `proposed`, `rejected`, `requests`.

    Raises:
        AspectError: the questions cannot be had; or a file that was edited by hand would be overwritten.
        TeacherError, ClusterError: as for `ask_teacher`, where the evidence decides.
    """
    if not is_selected(config):
        raise AspectError(
            f"aspects.select is '{config.aspects.select}': the questions need no selection. To have them ordered by "
            "evidence set aspects.select=mrmr (or information); to have an LLM propose some set aspects.source=llm"
        )
    chosen_by, identity = selection_settings(config), _selection_key(config, run)
    if run.aspects.exists(FILE) and (record := run.aspects.finished(identity)):
        return record
    _check_not_edited(run)
    found = candidates(config, run)
    chosen = found.aspects
    if config.aspects.select != "llm":
        by_text = {aspect.question: aspect for aspect in found.aspects}
        scores = _score(config, run, found.aspects, progress)
        chosen = tuple(replace(by_text[one.question], information=round(one.information, 4)) for one in scores)
    text = _file(config, chosen).encode()
    run.aspects.write_bytes(FILE, text)
    facts = {"settings": chosen_by, "selected": len(chosen), **found.facts, "written": _hash(text)}
    return run.aspects.finish(identity, **facts)


def score_aspects(config: Config, run: Run, progress: ProgressCallback, *, stored: bool = False) -> list[Score]:
    """What the candidates are worth, by the teacher's answers on the pilot sample.

    Args:
        config: the run's configuration.
        run: with its image table finished.
        progress: of the pilot.
        stored: take all training images of the stored teacher table instead of asking; always so for one that is
            imported.

    Raises:
        AspectError, ArtifactError, TeacherError, ClusterError: as for `select_aspects`.
    """
    return _score(config, run, _questions(config, run, stored=stored), progress, stored=stored)


def audit_teacher(
    config: Config, run: Run, progress: ProgressCallback, *, mapping: str | None = None, stored: bool = False
) -> pa.Table:
    """Compare the teacher's answers on the pilot sample, or in the stored table, with what is truly to be seen.

    Args:
        config: the run's configuration.
        run: with its image table finished.
        progress: of the pilot.
        mapping: file of {question: attribute}, for CUB-200.
        stored: as for `score_aspects`.

    Returns:
        A row a question with a known truth, the least accurate first; also written to `AUDIT`.

    Raises:
        ConfigError, DataError: there is no truth to compare with.
        AspectError, ArtifactError, TeacherError, ClusterError: as for `score_aspects`.
    """
    aspects = _questions(config, run, stored=stored)
    answers = _answers(config, run, aspects, progress, stored=stored)
    questions = [aspect.question for aspect in aspects]
    audits = audit(questions, answers, true_answers(config.data, questions, answers.image_ids, mapping))
    if not audits:
        raise DataError(
            f"the truth is known of none of the {len(questions)} questions, e.g. '{questions[0]}'; for the field guide "
            "ask its own (aspects.source=fieldguide), for CUB-200 name questions of this run in the --mapping file"
        )
    table = pa.Table.from_pylist([one.as_dict() for one in audits])
    run.evidence.write_table(AUDIT, table)
    return table


def needs_cluster(config: Config, run: Run) -> bool:
    """Whether selecting questions has something left to do that takes a Ray cluster: a model on vLLM, or the teacher.

    Raises:
        AspectError, ArtifactError: as for `select_aspects`.
    """
    if not is_selected(config) or (run.aspects.exists(FILE) and run.aspects.finished(_selection_key(config, run))):
        return False
    if (
        isinstance(config.aspects, LlmAspects)
        and config.aspects.llm.kind == "vllm"
        and not known_candidates(config, run)
    ):
        return True
    return config.aspects.select != "llm" and scoring_needs_cluster(config, run)


def scoring_needs_cluster(config: Config, run: Run, *, stored: bool = False) -> bool:
    """Whether a score, or an audit, has something left to do that takes a Ray cluster.

    Args:
        config: the run's configuration.
        run: with its image table finished.
        stored: as for `score_aspects`.
    """
    if is_answered(config, stored=stored):
        return False
    found = known_candidates(config, run)
    return found is None or pilot_lacks_answers(config, run, found.aspects)


def is_answered(config: Config, *, stored: bool = False) -> bool:
    """Whether the evidence comes from a stored table, so that no teacher is asked; always so for an imported one."""
    return stored or isinstance(config.teacher, ImportedTeacher)


def _selection_key(config: Config, run: Run) -> str:
    return identify("selection", settings=selection_settings(config), source=_source_facts(config, run)).key


def _questions(config: Config, run: Run, *, stored: bool) -> tuple[Aspect, ...]:
    """What is looked at: all candidates; of a stored table, what it has been made for."""
    if is_answered(config, stored=stored):
        return load_aspects(_of_the_table(config), run)
    return candidates(config, run).aspects


def _of_the_table(config: Config) -> Config:
    """The configuration that a stored table was made for: an imported one is there before its questions are ordered."""
    return in_own_order(config) if isinstance(config.teacher, ImportedTeacher) else config


def _score(
    config: Config, run: Run, aspects: tuple[Aspect, ...], progress: ProgressCallback, *, stored: bool = False
) -> list[Score]:
    answers = _answers(config, run, aspects, progress, stored=stored)
    texts = [aspect.question for aspect in aspects]
    tokens = {}
    if isinstance(config.teacher, VllmTeacher) and is_in_reach(config.teacher):
        tokens = question_tokens(config.teacher, texts)
    scores = score(
        aspects,
        answers,
        config.pilot,
        by="information" if config.aspects.select == "information" else "mrmr",
        least_mass=config.extract.min_answer_mass,
        tokens=tokens,
    )
    _write(run, scores, texts, answers)
    return scores


def _answers(
    config: Config, run: Run, aspects: tuple[Aspect, ...], progress: ProgressCallback, *, stored: bool
) -> PilotAnswers:
    if is_answered(config, stored=stored):
        require_teacher(_of_the_table(config), run)
        return stored_answers(config, run, aspects)
    require_images(config, run)
    return ask_pilot(config, run, aspects, progress)


def _write(run: Run, scores: list[Score], texts: list[str], answers: PilotAnswers) -> None:
    """The tables of the evidence; an audit of other answers goes."""
    run.evidence.delete()
    run.evidence.write_table(SCORES, pa.Table.from_pylist([one.as_dict() for one in scores]))
    order = [texts.index(one.question) for one in scores]
    columns = {
        "image_id": list(answers.image_ids),
        "label": answers.label_N,
        "p_yes": list(answers.p_yes_NQ[:, order]),
    }
    run.evidence.write_table(PILOT, pa.table(columns))


def _file(config: Config, chosen: tuple[Aspect, ...]) -> str:
    aspects = config.aspects
    if isinstance(aspects, FileAspects):
        return reranked(Path(aspects.path).read_text(encoding="utf-8"), chosen)
    who = f"in the order of evidence ({aspects.select})"
    if isinstance(aspects, LlmAspects) and aspects.select == "llm":
        who = f"selected by {aspects.llm.model}"
    return new_file(chosen, f"Questions of '{config.name}', {who}.")


def _source_facts(config: Config, run: Run) -> dict[str, Any]:
    """What the candidates and their scores depend on, beside the settings."""
    aspects = config.aspects
    images = require_images(config, run)
    facts: dict[str, Any] = {"classes": images["class_names"]}
    if isinstance(aspects, LlmAspects):
        facts["llm"] = llm_identity(aspects.llm).as_dict()
    else:
        facts["questions"] = [settings(aspect) for aspect in candidates(config, run).aspects]
    if aspects.select != "llm":
        facts["images"] = images["digest"]
        facts["limits"] = settings(config.extract, include={"min_answer_mass"})
        facts["teacher"] = _teacher_identity(config, run)
    return facts


def _teacher_identity(config: Config, run: Run) -> Any:
    if isinstance(config.teacher, ImportedTeacher):
        return require_teacher(_of_the_table(config), run)["fingerprint"]
    return teacher_identity(config.teacher).as_dict()


def _check_not_edited(run: Run) -> None:
    """What a person has written is not overwritten by a run with other settings."""
    if not (run.aspects.exists(RECORD) and run.aspects.exists(FILE)):
        return
    record = run.aspects.read_mapping(RECORD)  # of a damaged one it is not known whether the file was edited
    if _hash(run.aspects.read_bytes(FILE)) != record.get("written"):
        place = f"{run.aspects.uri}/{FILE}"
        raise ArtifactError(
            f"{place} has been edited, and would be overwritten by a selection with other settings: move it to a place "
            "of your own and use it by aspects.source=file aspects.path=..., or delete it"
        )


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
