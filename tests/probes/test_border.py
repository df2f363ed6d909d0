"""Where networks look."""

import torch
from torch import nn

from spatialbias.probes import border


def test_an_answer_leans_on_what_it_reads():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2, bias=False))
    with torch.no_grad():
        model[1].weight.zero_()
        model[1].weight[0, 5] = 1.0  # row 1, column 1
    weight = border.reliance(model, torch.rand(3, 1, 4, 4) + 0.1)
    assert weight[1, 1] == 1 and weight.sum() == 1
    assert border.outside_disc(weight) == 0


def test_the_corners_lie_outside_the_disc():
    weight = torch.zeros(8, 8)
    weight[0, 0], weight[4, 4] = 1, 3
    assert border.outside_disc(weight) == 0.25
