"""Pictures by kind: make them, and measure tccodec on them beside AVIF.

    python -m benchmarks.docs.kinds make DIR --photographs PHOTOS
    python -m benchmarks.docs.kinds report DIR --way lossy=true --way effort=3
    python -m benchmarks.docs.kinds sheet DIR -o docs/images/failures.jpg

`make` renders pictures into DIR/KIND/NAME.png, always the same ones on one machine, and writes
a README.md beside them with sources and licences. It needs Chromium, pdftoppm, matplotlib and the
documentation of some Debian packages, and says which one is missing. It downloads nothing. PHOTOS
is a folder with the files that photographs.toml names.

`report` prints BD-rates of single pictures against AVIF of speed 4, between 0.05 and 1 bit per
pixel, by kind. `--way` is a set of options of `Codec.compress`; several are compared. Finished
curves lie in DIR/store; a change of the program measures tccodec anew, but not AVIF.

`sheet` shows crops at equal bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.common import paste
from benchmarks.docs.kinds import KINDS
from benchmarks.docs.kinds.measure import PSNR, SCORES
from benchmarks.docs.kinds.report import measure, pictures_table, table
from benchmarks.docs.kinds.sheet import sheet


def main() -> None:
    """Make or report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="render the pictures")
    making.add_argument("--photographs", type=Path, help="folder of the files in photographs.toml")
    reporting = commands.add_parser("report", help="measure and print tables")
    reporting.add_argument("--anchor", default="avif", help="a codec of `tccodec report`")
    reporting.add_argument("--way", action="append", help="options, such as lossy=true,effort=3")
    reporting.add_argument("--psnr-only", action="store_true", help="without SSIMULACRA2: faster")
    reporting.add_argument("--jobs", type=int, default=2, help="processes")
    reporting.add_argument("--limit", type=int, help="pictures of each kind, evenly taken")
    reporting.add_argument("--write", type=Path, help="page with marks, for the first table")
    reporting.add_argument("--each", action="store_true", help="a table of single pictures, too")
    showing = commands.add_parser("sheet", help="crops beside AVIF at equal bytes")
    showing.add_argument("--bpp", type=float, default=0.25, help="bits per pixel, at most")
    showing.add_argument("-o", "--output", type=Path, required=True)
    for command in (reporting, showing):
        command.add_argument("--model", default="tcae-s")
    for command in (making, reporting):
        command.add_argument("--only", nargs="+", choices=KINDS, default=[], metavar="KIND")
    for command in (making, reporting, showing):
        command.add_argument("folder", type=Path)
    args = parser.parse_args()
    if args.command == "sheet":
        sheet(args.folder, args.output, model=args.model, bpp=args.bpp)
        return
    if args.command == "make":
        # Matplotlib is needed here only
        from benchmarks.docs.kinds.make import make

        make(args.folder, args.only or list(KINDS), args.photographs)
        return
    results = measure(
        args.folder,
        args.only,
        model=args.model,
        ways=args.way or [""],
        anchor=args.anchor,
        scores=SCORES if not args.psnr_only else [PSNR],
        limit=args.limit,
        jobs=args.jobs,
    )
    text = table(results)
    if args.each:
        text += f"\n\n{pictures_table(results)}"
    if args.write:
        paste(args.write, table(results), "kinds")
    print(text)


if __name__ == "__main__":
    main()
