"""The networks of the studies on low-rank local connectivity, by name (an *arm*), and the learning
rate of each. The source's three layers of 3 x 3; layer 3 is replaced unless the name says where.
"""

RATES = (1e-3, 3e-3, 1e-2)


def low_rank(rank: int, **more) -> dict:
    return {"layer": "lrlc", "rank": rank, **more}


def looking(rank: int, **more) -> dict:
    return low_rank(rank, weights="input", **more)


def wide(rank: int, **more) -> dict:
    return {"layer": "wide", "rank": rank, **more}


FLAT, EVERYWHERE = {"pooling": "flatten"}, {"where": "all"}
ARMS: dict[str, dict] = {  # arm: the network's arguments
    "convolution": {},
    "K = 2": low_rank(2),
    "K = 4": low_rank(4),
    "K = 8": low_rank(8),
    "K = 4, frozen": low_rank(4, fixed="uniform"),
    "K = 2, table": low_rank(2, weights="table"),
    "K = 4, table": low_rank(4, weights="table"),
    "input-dependent K = 2": looking(2),
    "input-dependent K = 4": looking(4),
    "wide": wide(4),  # K = 4's parameters and multiply-adds, in the same layer
    "wide K = 2": wide(2),
    "CoordConv": {"coordinates": True},
    "locally connected": {"layer": "local"},
    # other layers
    "K = 4, layer 1": low_rank(4, where="1"),
    "K = 4, layer 2": low_rank(4, where="2"),
    "locally connected, layer 1": {"layer": "local", "where": "1"},
    "locally connected, layer 2": {"layer": "local", "where": "2"},
    # without global pooling
    "convolution, flattened": FLAT,
    "K = 4, flattened": low_rank(4, **FLAT),
    "wide, flattened": wide(4, **FLAT),
}
DIAL: dict[str, dict] = {  # all three layers: from one filter bank to one for every position
    "shared": {},
    "K = 2": low_rank(2, **EVERYWHERE),
    "K = 4": low_rank(4, **EVERYWHERE),
    "sixteen blocks": low_rank(16, fixed="blocks", **EVERYWHERE),
    "one a position": {"layer": "local", **EVERYWHERE},
}
ENDS = ("shared", "one a position")
KEPT = ("", ", flattened")
CROSSED = tuple(f"{end}{kept}" for end in ENDS for kept in KEPT)
TURNED = tuple(f"{place}{kept}" for place in (*ENDS, "K = 4") for kept in KEPT)
EPOCHS = {97: 200, 390: 50, 1562: 12}  # about as many steps at every N
# A convolution of all three layers with the multiply-adds of K = 4 at 32 channels
EVEN = {32: 49}

FAMILIES = ("convolution", "K = 4", "input-dependent K = 4", "CoordConv", "locally connected")
FACES = ("convolution", "K = 2", "input-dependent K = 2", "CoordConv")
MORE_FACES = ("convolution", "K = 2", "K = 4")
RANK = (
    "convolution",
    "K = 4",
    "wide",
    "K = 4, frozen",
    "input-dependent K = 4",
    "K = 2",
    "CoordConv",
    "locally connected",
    "K = 8",
)
# Trained networks that are shipped, one of each kind, for their combining weights to be looked at
KINDS = ("K = {}", "K = {}, table", "input-dependent K = {}")
SHOWN_FACES = tuple(f"faces, {kind.format(k)}" for k in (2, 4) for kind in KINDS)
SHOWN_IMAGES = tuple(f"images, {kind.format(4)}" for kind in KINDS)
APART = 100  # from here on, replicates of networks that no contrast counts
LEARNING_RATES: dict[str, dict[str, float]] = {  # study that chose: family: rate
    "faces_tuning": {
        "convolution": 3e-2,
        "K = 4": 3e-3,
        "input-dependent K = 4": 3e-2,
        "CoordConv": 1e-2,
    },
    "tuning": {
        "convolution": 1e-2,
        "K = 4": 1e-2,
        "input-dependent K = 4": 1e-2,
        "CoordConv": 1e-2,
        "locally connected": 3e-3,
    },
    "flat_tuning": {"convolution, flattened": 3e-4, "K = 4, flattened": 1e-3},
    "dial_tuning": {
        "shared": 1e-2,
        "shared, flattened": 3e-4,
        "one a position": 3e-3,
        "one a position, flattened": 1e-3,
        "K = 4": 1e-2,
        "K = 4, flattened": 3e-4,
    },
}


def family(arguments: dict) -> str:
    """Whose tuned rate a network takes."""
    if arguments.get("coordinates"):
        return "CoordConv"
    if arguments.get("layer") == "local":
        return "locally connected"
    if arguments.get("layer") != "lrlc" or arguments.get("rank") == 1:
        return "convolution"
    return "input-dependent K = 4" if arguments.get("weights") == "input" else "K = 4"


def tuned_rate(arguments: dict) -> float:
    """The tuned rate of a network on images."""
    name, flat = family(arguments), arguments.get("pooling") == "flatten"
    rates = LEARNING_RATES["flat_tuning" if flat else "tuning"]
    return rates[f"{name}, flattened" if flat else name]
