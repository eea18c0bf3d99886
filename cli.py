#!/usr/bin/env python3
"""The program `tccodec` from a checkout, without installing it: `python cli.py compress ...`."""

from tccodec.cli import main

if __name__ == "__main__":
    main()
