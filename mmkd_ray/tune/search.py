"""From the section `tune:` to Ray Tune: proposals, early stopping, resources, storage."""

from __future__ import annotations

import importlib.util
import math
from typing import Any

import optuna
from ray import tune
from ray.tune.logger import TBXLoggerCallback
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import BasicVariantGenerator
from ray.tune.search.optuna import OptunaSearch

from mmkd_ray.artifacts import Folder
from mmkd_ray.cluster.connection import check_fits, how_many
from mmkd_ray.config import Config, Domain, TuneConfig
from mmkd_ray.errors import ConfigError
from mmkd_ray.tune.progress import ShowTrials
from mmkd_ray.tune.space import most_epochs, trial_count
from mmkd_ray.tune.worker import SearchWorker

OBJECTIVE, EPOCHS = "val_top1", "training_iteration"
"""Keys of what a trial reports."""


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
        param_space=_param_space(config.tune),
        tune_config=tune.TuneConfig(
            metric=OBJECTIVE,
            mode="max",
            search_alg=_searcher(config.tune),
            scheduler=_scheduler(config),
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
            callbacks=[ShowTrials(), TBXLoggerCallback(), *_trackers(config)],
            verbose=0,
        ),
    )


def restored_tuner(config: Config, folder: Folder, shared: dict[str, Any]) -> tune.Tuner:
    """A search that was interrupted; trials that have ended stay as they are.

    Args:
        config: that of the search, as it was when it began.
        folder: as for `new_tuner`.
        shared: as for `new_tuner`.
    """
    _concurrency(config)
    return tune.Tuner.restore(
        folder.path,
        _trainable(config, shared),
        resume_unfinished=True,
        restart_errored=True,
        param_space=_param_space(config.tune),
        storage_filesystem=folder.filesystem,
    )


class ResumableAsha(ASHAScheduler):
    """ASHA that remembers what a restored trial was worth after each epoch: Ray keeps no state of a scheduler."""

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Put the trial on the rungs that it had reached before."""
        super().on_trial_add(tune_controller, trial)
        for epoch, value in enumerate((trial.last_result or {}).get("curve", ()), start=1):
            self.on_trial_result(tune_controller, trial, {EPOCHS: epoch, OBJECTIVE: value})


def grace_epochs(config: Config) -> int:
    """Epochs that every trial is trained for."""
    most = most_epochs(config)
    two_rounds = round(most / config.tune.reduction_factor**2)
    # While the learning rate warms up a student is hardly better than chance, and none is seen to be behind.
    learnt = math.ceil(2 * config.train.warmup_epochs)
    return min(config.tune.grace_epochs or max(1, two_rounds, learnt), most)


def check_trackers(config: Config) -> None:
    """Refuse a tracker that is not installed.

    Raises:
        ConfigError: its package cannot be found.
    """
    for name in config.tune.trackers:
        if importlib.util.find_spec(name) is None:
            raise ConfigError(
                f"tune.trackers: got '{name}', but the package {name} is not installed: install it in this "
                f"environment (`uv pip install {name}`), or leave it out (TensorBoard's files are always written)"
            )


def _scheduler(config: Config) -> TrialScheduler:
    if not config.tune.asha:
        return FIFOScheduler()
    most, grace = most_epochs(config), grace_epochs(config)
    return ResumableAsha(
        time_attr=EPOCHS, max_t=most, grace_period=grace, reduction_factor=config.tune.reduction_factor
    )


def _searcher(config: TuneConfig) -> Any:
    if config.search == "grid":
        return BasicVariantGenerator()
    # By default the first 10 are drawn at random: of 12 trials, all but 2.
    sampler = optuna.samplers.TPESampler(seed=config.search_seed, n_startup_trials=max(4, config.trials // 4))
    return OptunaSearch(sampler=sampler)


def _param_space(config: TuneConfig) -> dict[str, Any]:
    return {key: _domain(domain, grid=config.search == "grid") for key, domain in config.space.items()}


def _domain(domain: Domain, *, grid: bool) -> Any:
    match domain.kind:
        case "choice":
            return tune.grid_search(list(domain.values)) if grid else tune.choice(list(domain.values))
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
    return "".join(c if c.isalnum() or c in "=.,_-" else "_" for c in ",".join([*values, trial.trial_id]))[:120]


def _trackers(config: Config) -> list[Any]:
    """Loggers of Ray's for the trackers that are asked for."""
    loggers: list[Any] = []
    if "mlflow" in config.tune.trackers:
        from ray.air.integrations.mlflow import MLflowLoggerCallback  # noqa: PLC0415 (imports mlflow)

        loggers.append(MLflowLoggerCallback(experiment_name=config.name))
    if "wandb" in config.tune.trackers:
        from ray.air.integrations.wandb import WandbLoggerCallback  # noqa: PLC0415 (imports wandb)

        loggers.append(WandbLoggerCallback(project="mmkd_ray", group=config.name))
    return loggers
