"""`python -m tccodec`."""

from tccodec.cli import main

if __name__ == "__main__":
    main()
