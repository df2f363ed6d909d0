"""Where does a convolution's inductive bias come from, and what changes when a network is told
where its pixels are?

A book that can be run: layers, models and data sets of four works, their experiments, and a ledger
of their claims. Importing the package imports no torch; its submodules do when they must.
"""

__version__ = "0.1.0"
