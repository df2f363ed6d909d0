"""Every test computes on one thread and has a store of its own; helpers that several modules
share.
"""

import os

import pytest
import torch

from spatialbias.datasets.batch import Batch, Data
from spatialbias.training import Execution

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def same_numbers():
    """Every test draws the same numbers at each run, whatever ran before it."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    """Nothing reads or writes the project's records."""
    monkeypatch.setenv("SPATIALBIAS_STORE", str(tmp_path / "store"))


@pytest.fixture
def real_data():
    """Skips where the real image sets are not at hand."""
    folder = os.environ.get("SPATIALBIAS_DATA")
    if not folder or not os.path.isdir(os.path.join(folder, "cifar-10-batches-py")):
        pytest.skip("the real image sets are not here: set SPATIALBIAS_DATA")


@pytest.fixture(scope="session")
def pictures():
    """Smooth colour pictures, uint8 (B, 3, 32, 32), from sines alone: the same on every machine."""

    def make(count: int, channels: int = 3, side: int = 32) -> torch.Tensor:
        i = torch.arange(count * channels, dtype=torch.float64).view(count, channels, 1, 1) + 1
        y, x = torch.meshgrid(
            torch.arange(side).double(), torch.arange(side).double(), indexing="ij"
        )
        waves = (x * (0.05 + 0.3 * (i * 0.7).sin().abs()) + y * (0.4 * (i * 1.3).cos()) + i).sin()
        return (127.5 + 127 * waves).round().to(torch.uint8)

    return make


@pytest.fixture(scope="session")
def image_data(pictures):
    """A small image set in memory: 60 to train, 50 to test, ten classes."""
    images, target = pictures(110), torch.arange(110) * 7 % 10
    return Data(
        Batch((images[:60],), target[:60]),
        Batch((images[60:],), target[60:]),
        "pictures",
        (),
        "made",
        (0.5, 0.5, 0.5),
        (0.25, 0.25, 0.25),
    )


@pytest.fixture(scope="session")
def fp32():
    return Execution("cpu", "fp32", 1)
