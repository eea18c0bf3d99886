"""What the figures of the documentation come from, and questions that were once asked.

`docs/` has the scripts behind figures (`refresh.py` runs all of them), `research/` those behind
`docs/research/`. Each runs from the clone's root, as in `python -m benchmarks.docs.kodak --help`.
"""
