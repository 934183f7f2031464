"""From the section `tune:` to Ray Tune: proposals, early stopping, resources, storage."""

from __future__ import annotations

import json
import random
from typing import Any

import optuna
from ray import cloudpickle, tune
from ray.tune.search import BasicVariantGenerator
from ray.tune.search.optuna import OptunaSearch

from mmkd_ray.artifacts import Folder
from mmkd_ray.cluster.connection import check_fits, how_many
from mmkd_ray.config import Config, Domain, TuneConfig
from mmkd_ray.errors import ArtifactError
from mmkd_ray.tasks import task_of
from mmkd_ray.tune.early_stopping import scheduler
from mmkd_ray.tune.progress import ShowTrials
from mmkd_ray.tune.space import OBJECTIVE, trial_count
from mmkd_ray.tune.worker import SearchWorker


def new_tuner(config: Config, folder: Folder, shared: dict[str, Any]) -> tune.Tuner:
    """A search from its beginning.

    Args:
        config: the run's configuration.
        folder: for Ray Tune's own files, a folder in it for each trial.
        shared: see `SearchWorker.setup`.

    Raises:
        ClusterError: the cluster cannot hold the trials that are asked for at a time.
    """
    parent, _, name = folder.path.rpartition("/")
    return tune.Tuner(
        _trainable(config, shared),
        param_space=param_space(config.tune),
        tune_config=tune.TuneConfig(
            metric=OBJECTIVE,
            mode=task_of(config).primary.mode,
            search_alg=_searcher(config.tune),
            scheduler=scheduler(config),
            num_samples=1 if config.tune.search == "grid" else config.tune.trials,
            max_concurrent_trials=_concurrency(config),
            reuse_actors=True,
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
        ),
        run_config=tune.RunConfig(
            name=name,
            storage_path=parent,
            storage_filesystem=folder.filesystem,
            failure_config=tune.FailureConfig(max_failures=config.cluster.max_failures),
            # With one to keep, Ray notes the state of the whole search after each checkpoint, so also after each trial.
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1, checkpoint_at_end=True),
            callbacks=[ShowTrials()],
            verbose=0,
        ),
    )


def restored_tuner(config: Config, folder: Folder, shared: dict[str, Any]) -> tune.Tuner:
    """A search that was interrupted; trials that have ended stay as they are.

    Args:
        config: that of the search, as it was when it began.
        folder: as for `new_tuner`.
        shared: as for `new_tuner`.

    Raises:
        ArtifactError: Ray's notes of the search cannot be read.
        ClusterError: as for `new_tuner`.
    """
    _concurrency(config)
    _check_notes(folder)
    return tune.Tuner.restore(
        folder.path,
        _trainable(config, shared),
        resume_unfinished=True,
        restart_errored=True,
        param_space=param_space(config.tune),
        storage_filesystem=folder.filesystem,
    )


def has_notes(folder: Folder) -> bool:
    """Whether Ray Tune has noted the state of a search in its folder, which it first does when trials begin."""
    return any(name.startswith("experiment_state-") for name in folder.names())


def _check_notes(folder: Folder) -> None:
    """Ray would begin anew, with one trial, where its notes are cut off."""
    newest = {name.partition("-")[0]: name for name in folder.names() if "state-" in name}
    for name in ("tuner.pkl", *newest.values()):
        try:
            content = folder.read_bytes(name)
            json.loads(content) if name.startswith("experiment_state-") else cloudpickle.loads(content)
        except Exception as error:  # whatever a cut pickle leads to
            raise ArtifactError(
                f"{folder.uri}/{name} cannot be read: the search was killed while Ray Tune wrote it; delete "
                f"{folder.uri.rpartition('/')[0]} to search from the start"
            ) from error


def _searcher(config: TuneConfig) -> Any:
    if config.search == "grid":
        return BasicVariantGenerator()
    # By default the first 10 are drawn at random: of 12 trials, all but 2.
    sampler = optuna.samplers.TPESampler(seed=config.search_seed, n_startup_trials=max(4, config.trials // 4))
    return OptunaSearch(sampler=sampler)


def param_space(config: TuneConfig) -> dict[str, Any]:
    """What Ray Tune draws from, by key."""
    if config.search == "grid":
        # People list values in order. ASHA compares a trial with those before it: from bad to good, none would stop.
        order = random.Random(config.search_seed)  # noqa: S311 (not a secret)
        return {key: tune.grid_search(order.sample(d.values, len(d.values))) for key, d in config.space.items()}
    return {key: _domain(domain) for key, domain in config.space.items()}


def _domain(domain: Domain) -> Any:
    match domain.kind:
        case "choice":
            return tune.choice(list(domain.values))
        case "uniform":
            return tune.uniform(*domain.values)
        case "log_uniform":
            return tune.loguniform(*domain.values)
        case _:
            low, high = domain.values
            return tune.randint(low, high + 1)


def _trainable(config: Config, shared: dict[str, Any]) -> Any:
    cluster = config.cluster
    resources = {"cpu": float(cluster.cpus_per_train_worker), "gpu": cluster.gpus_per_train_worker}
    return tune.with_resources(tune.with_parameters(SearchWorker, **shared), resources)


def _concurrency(config: Config) -> int:
    cpus, gpus = config.cluster.cpus_per_train_worker, config.cluster.gpus_per_train_worker
    count = min(config.tune.concurrency or how_many(cpus=cpus, gpus=gpus), trial_count(config.tune))
    check_fits("the search", count=count, cpus=cpus, gpus=gpus)
    return count


def _trial_name(trial: Any) -> str:
    """`alpha=4.2,count=40,3f2a1b9c`: name of a trial's folder, and so of its line in TensorBoard."""
    values = [
        f"{key.rpartition('.')[2]}={f'{value:.3g}' if isinstance(value, float) else value}"
        for key, value in trial.evaluated_params.items()
    ]
    readable = "".join(c if c.isalnum() or c in "=.,_-" else "_" for c in ",".join(values))
    return f"{readable[:100]},{trial.trial_id}"
