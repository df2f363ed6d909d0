"""Speed and memory against a plain baseline, as ratios: `python -m benchmarks [part ...] [--quick]`,
or `make bench`. Not part of the package.
"""
