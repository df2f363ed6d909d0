"""Which examples a trial is trained on, tuned on and tested on; the only place where that is
decided. Imports no torch until asked.
"""


def check_size(n_train: int | None, whole: int, dataset: str) -> int:
    """How many of `whole` training images subsets are drawn from; ValueError if there are not
    `n_train` of them.
    """
    reserved = whole // 10
    if n_train is not None and whole - reserved < n_train != whole:
        raise ValueError(
            f"n_train={n_train}: {dataset} has {whole - reserved} training images beside {reserved} for tuning"
        )
    return whole - reserved


def load(trial):
    """The trial's data set, its pixels scaled as the trial says."""
    from dataclasses import replace

    from spatialbias import datasets

    data = datasets.load(trial.dataset, **trial.dataset_args)
    if trial.pixels == "unit":  # `normalise` divides by 255 first
        data = replace(data, mean=(0.0,) * len(data.mean), std=(1.0,) * len(data.std))
    return data


def examples(trial, data):
    """(training examples, test examples) of a `trials.Trial`.

    Where the trial draws a subset (`n_train`), the last tenth of the training images is for tuning
    only. Subsets of successive replicates are disjoint until the pool is used up, then it is
    shuffled anew. Where it does not, a tuning trial is trained on four fifths of the training
    examples, drawn anew for each replicate, and tested on the others. `test_images` of the test
    examples are drawn, the same for all.
    """
    import torch

    train, test = _sides(trial, data)
    if trial.test_images is not None:  # in no order of theirs: MNIST's first half is the easier
        order = torch.randperm(len(test), generator=torch.Generator().manual_seed(0))
        test = test[order[: trial.test_images].sort().values]
    return train, test


def _sides(trial, data):
    import torch

    if trial.n_train is None and trial.role == "tuning":
        order = torch.randperm(
            len(data.train), generator=torch.Generator().manual_seed(10_000 + trial.replicate)
        )
        kept = len(order) * 4 // 5
        return data.train[order[:kept]], data.train[order[kept:]]
    if trial.n_train is None:
        return data.train, data.test
    pool = check_size(trial.n_train, len(data.train), data.name)
    if (
        trial.n_train > pool
    ):  # all of them: asked for by its exact number, and then nothing is left to tune on
        return data.train, data.test
    a_round = pool // trial.n_train
    shuffle, place = divmod(trial.replicate, a_round)
    generator = torch.Generator().manual_seed(10_000 * (trial.role == "tuning") + shuffle)
    chosen = torch.randperm(pool, generator=generator)[
        place * trial.n_train : (place + 1) * trial.n_train
    ]
    return data.train[chosen], data.test if trial.role == "report" else data.train[pool:]


def fold(batch, index: int):
    """The `index`-th fifth of a batch."""
    edges = [round(k * len(batch) / 5) for k in range(6)]
    return batch[edges[index] : edges[index + 1]]


def prepare(batch, data, execution):
    """Normalised, on the device, channels last where that is faster."""
    import torch

    def ready(x):
        x = data.normalise(x) if x.dim() == 4 else x
        x = x.to(execution.device)
        return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x

    return type(batch)(
        tuple(map(ready, batch.inputs)),
        batch.target.to(execution.device),
        tuple(s.to(execution.device) for s in batch.shared),
    )
