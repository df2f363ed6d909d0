"""The theorem on Coordinet's norms holds where it should, and only there."""

import torch

from spatialbias.models import build
from spatialbias.probes import norms

SIZE, WIDTH = 8, 20


def test_the_path_is_the_network_s_own():
    torch.manual_seed(0)
    model = build("coordinet", size=SIZE, width=WIDTH, bias=True, affine=True).double()
    x = torch.randn(2, 9, model.path[0].in_features, dtype=torch.float64)
    m = torch.randn(2, 4 * WIDTH, dtype=torch.float64)
    torch.testing.assert_close(norms.path(model, x, m, epsilon=1e-5), model.pixels(x, m))


def test_the_theorem_holds_without_biases_and_affine_only():
    x = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    plain = norms.theorem(x, width=WIDTH)
    assert all(change < 1e-9 for change in plain.values()), plain
    biased, affine = (norms.theorem(x, width=WIDTH, **{kind: True}) for kind in ("bias", "affine"))
    for broken in (biased, affine):
        assert broken["inner divisions left out: logits"] > 1e-6
        assert broken["inner divisions left out: gradients"] > 1e-6
        assert broken["m of every layer × 10"] < 1e-9  # this freedom is the norm's own
    assert biased["one weight matrix × 10"] > 1e-6
    assert biased["a pixel’s whole input × 10"] > 1e-6
    assert affine["lengths of the votes: spread"] > 1e-6
