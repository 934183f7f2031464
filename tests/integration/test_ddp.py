"""Any number of DDP workers and one process are the same training, on the same global batches."""

import socket

import torch
import torch.multiprocessing
from torch.nn.parallel import DistributedDataParallel

from mmkd_ray.tasks.classify import CLASSIFY
from mmkd_ray.train.loop import StudentTrainer
from tests.support.toy_student import CONFIG, WITHOUT_BATCH_NORM, student, training_set

EPOCHS = 3
# Batch normalisation sees a worker's share of a batch on CPUs; a model without it has no such difference.
RECIPE = CONFIG.model_copy(update={"optimizer": "sgd", "lr": 0.05, "clip_grad_norm": 1.0, "ema_decay": 0.9})


def train(rank, workers, port, folder):
    """One worker's part; worker 0 saves what came out."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=workers)
    made = student(WITHOUT_BATCH_NORM)
    model = DistributedDataParallel(made) if workers > 1 else made
    training = StudentTrainer(
        model,
        made,
        training_set(sensitive=(False, True)),
        RECIPE,
        task=CLASSIFY,
        image_size=16,
        seed=0,
        rank=rank,
        workers=workers,
    )
    for _ in range(EPOCHS):
        training.run_epoch()
    if rank == 0:
        curves = {name: [epoch[name] for epoch in training.history] for name in ("loss", "val_top1")}
        torch.save({"weights": training.best_student()[0].state_dict(), **curves}, f"{folder}/{workers}.pt")
    torch.distributed.destroy_process_group()


def test_two_workers_and_three_with_uneven_shares_are_one_process(tmp_path):
    for workers in (1, 2, 3):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        torch.multiprocessing.spawn(train, args=(workers, port, str(tmp_path)), nprocs=workers)
    one, *others = (torch.load(tmp_path / f"{workers}.pt", weights_only=True) for workers in (1, 2, 3))
    for other in others:
        torch.testing.assert_close(one["loss"], other["loss"], rtol=1e-5, atol=1e-6)
        assert one["val_top1"] == other["val_top1"], "of all validation images, whoever looks at them"
        for key, weight in one["weights"].items():
            torch.testing.assert_close(weight, other["weights"][key], rtol=1e-4, atol=1e-5, msg=key)
