"""What a page says of its records: the table of what trials took, shared trials counted once, and
what is missing.
"""

from types import SimpleNamespace

import pandas as pd
import pytest

from spatialbias import components
from spatialbias.legacy import page as book

COLUMNS = "study arm n_train split key learning_rate stop_reason epochs parameters seconds".split()


@pytest.fixture
def stops(monkeypatch):
    """A function from rows of some studies to the table that a page shows."""
    monkeypatch.setattr(book, "table", lambda frame: frame)

    def made(*studies) -> pd.DataFrame:
        page = object.__new__(book.Page)
        page.results = {
            k: SimpleNamespace(trials=lambda rows=rows: pd.DataFrame(rows, columns=COLUMNS))
            for k, rows in enumerate(studies)
        }
        return page.stops()

    return made


def test_trials_to_a_loss_by_network_and_size(stops):
    found = stops(
        [
            ("w.a", "simple_cnn", 390, "", "k1", 0.001, "loss", 20, 1234, 2.0),
            ("w.a", "simple_cnn", 390, "", "k2", 0.001, "cap", 300, 1234, 30.0),
        ],
        [("w.b", "simple_cnn", 390, "", "k1", 0.001, "loss", 20, 1234, 2.0)],
    )
    assert found.to_dict("records") == [
        {
            "network": "simple CNN",
            "N": 390,
            "trials": 2,
            "parameters": "1,234",
            "rate": "0.001",
            "loss reached": 1,
            "hit the cap": 1,
            "epochs, median": 160,
            "epochs, range": "20–300",
            "median s": "16.0",
        }
    ]


def test_several_studies_of_fixed_epochs(stops):
    found = stops(
        [("w.a", "deconv", None, "tutorial_uniform", "k1", 0.01, "epochs", 25, 10, 1.0)],
        [
            ("w.search", "deconv", None, "uniform", "k2", 0.01, "diverged", 3, 10, 1.0),
            ("w.search", "deconv", None, "uniform", "k3", 0.02, "epochs", 25, 30, 1.0),
        ],
    )
    assert found["study"].tolist() == ["a", "search"] and found["split"].tolist() == [
        "uniform, the tutorial’s",
        "uniform",
    ]
    assert found["rate"].tolist() == ["0.01", "0.01–0.02"] and found["epochs"].tolist() == [
        "25",
        "3–25",
    ]
    assert found["diverged"].tolist() == [0, 1] and not {"hit the cap", "loss reached", "N"} & set(
        found
    )


@pytest.mark.parametrize(
    "text, shown",
    [
        ("-1.5 [-2.0, -1.0] points", "−1.5 [−2.0, −1.0] points"),
        ("<td>-3</td> (-4)", "<td>−3</td> (−4)"),
        ("CIFAR-10, 8-bit, 1e-3, ResNet-18, n-1", "CIFAR-10, 8-bit, 1e-3, ResNet-18, n-1"),
        ("x='-1' a - 5", "x='-1' a - 5"),
    ],
)
def test_negative_numbers_get_a_minus(text, shown):
    assert book.raw(text).data == shown


def test_nothing_on_record(stops):
    assert stops([]).empty


def test_the_notice_names_the_studies_that_lack_records():
    """Not the page's own study, if another is what is incomplete: its command would do nothing."""
    page = object.__new__(book.Page)
    accuracy = {"measured": {"accuracy": components.MEASURES["accuracy"]}}

    def results(planned, there, measures=("accuracy",)):
        plan = SimpleNamespace(
            parameters=None,
            images=None,
            trials=[SimpleNamespace(key=k) for k in planned],
            study=SimpleNamespace(measures=measures),
        )
        return SimpleNamespace(
            plan=plan,
            records=dict.fromkeys(there, accuracy),
            missing=len(set(planned) - set(there)) + (measures != ("accuracy",)),
        )

    page.main, page.substitute, page.profile = results("ab", "ab"), None, "paper"
    page.results = {
        "w.own": page.main,
        "w.beside": results("bcd", "b"),
        "w.besides": results("de", "e"),
    }  # a trial of two studies counts once
    said = page.notice().data
    assert (
        "2 of 5 trials are not on record" in said
        and "<code>spatialbias sweep w.beside w.besides --profile paper</code>" in said
    )
    page.results = {"w.own": results("ab", "ab", ("accuracy", "rotation"))}
    assert "2 of 2 trials are on record without a measure of this page" in page.notice().data
    page.results = {"w.own": page.main}
    assert page.notice() is None


def test_numbers_are_set_as_a_book_sets_them():
    assert (
        book._typeset("-3.9 points [-4.8, -3.0], n = 10; 95 %")
        == "−3.9 points [−4.8, −3.0], n\u00a0=\u00a010; 95\u00a0%"
    )
    for other in ("1e-3", "2026-11-21", "AVX-512", "papermill -p n_train 3", "width:100%"):
        assert book._typeset(other) == other
