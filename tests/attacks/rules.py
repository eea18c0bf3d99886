"""The rules of docs/reference/format.md, each with files that break it.

A rule is quoted from the page. `tests/attacks/test_rules.py` refuses its files in both decoders,
and fails for a sentence of the page that sounds like a rule and is not quoted here.
"""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image

from tccodec.container import Setting
from tests.attacks import seeds
from tests.attacks.seal import Parts, deflated, seal, sealed_body, varint
from tests.support.pictures import PHOTO, saved
from tests.support.png import chunk, png

SIZE = (64, 48)  # of PHOTO
RGB = [b"\0" + row.tobytes() for row in PHOTO]
GREY = [b"\0" + row.tobytes() for row in PHOTO[:, :, 0]]
Files = Callable[[], dict[str, bytes]]


@dataclass(frozen=True)
class Rule:
    """A quotation from the page, and files that break it, by what is wrong with them."""

    quote: str
    broken: Files


@functools.cache
def latents(model: str = "tiny") -> Parts:
    """A file with latents in one tile group."""
    return seeds.code_cases(model)[1]


def bare(model: str = "tiny", *sections: tuple[int, bytes], tiles: int = 1) -> Parts:
    """A picture of the size of PHOTO without latents."""
    model_id = seeds.codec(model).card.file_id
    return Parts(*SIZE, model=model_id, tiles=[b""] * tiles, sections=list(sections))


def with_section(tag: int, body: bytes) -> bytes:
    """A file with one section."""
    return seal(bare("tiny", (tag, body)))


def header(p: Parts, numbers: bytes) -> bytes:
    """The file with these bytes for width, height and setting."""
    head = seal(replace(p, tiles=[], sections=[]))[:10] + numbers
    return head + sealed_body(head, p.tiles, [], stored_all=False)


def varints() -> dict[str, bytes]:
    p = latents()
    w, h, s = varint(p.width), varint(p.height), varint(p.setting)
    return {
        "a long width": header(p, varint(p.width, pad=1) + h + s),
        "a long height": header(p, w + varint(p.height, pad=1) + s),
        "a long setting": header(p, w + h + varint(p.setting, pad=1)),
        "six bytes": header(p, varint(p.width, pad=5) + h + s),
        "no end": seal(p)[:10] + b"\x80",
        "a long true length": with_section(0xD3, varint(3, pad=1) + zlib.compress(b"abc")),
        "a long resolution": with_section(0x95, varint(300, pad=1) + varint(300)),
        "a long run": with_section(3, b"\1" + varint(0, pad=1) + b"\1" + png(SIZE, 8, 2, RGB)),
        "a long present": _payload("renderer", varint(1, pad=1) + b"\1\2\3"),
        "a present that does not end": _payload("renderer", b"\x81"),
    }


def _payload(model: str, payload: bytes, **fields: int) -> bytes:
    return seal(replace(latents(model), tiles=[payload], **fields))  # type: ignore[arg-type]


def chain() -> dict[str, bytes]:
    p = replace(bare("tiny", tiles=2), width=1100)
    p.sections = [(0x93, b"one"), (0xA8, b"two")]
    good = seal(p)
    other = seal(replace(p, setting=501))
    return {
        "a payload's checksum": seal(latents())[:-1] + b"\0",
        "a section's checksum": good[:-1] + b"x",
        "a section of another file": good[:-8] + other[-8:],
        "another header": good[:4] + bytes([good[4] ^ 1]) + good[5:],
        "another order": good[:-18] + good[-9:] + good[-18:-9],
    }


def sizes() -> dict[str, bytes]:
    p = bare()
    return {
        "no width": seal(replace(p, width=0)),
        "no height": seal(replace(p, height=0)),
        "too wide": seal(replace(p, width=65536, height=1, tiles=[b""] * 64)),
        "too high": seal(replace(p, width=1, height=65536, tiles=[b""] * 64)),
    }


def picture_limit() -> dict[str, bytes]:
    p = bare()
    return {
        "above 200 megapixels": seal(replace(p, width=20000, height=10001, tiles=[b""] * 200)),
        "too short for its tile groups": seal(replace(p, width=2000, height=2000, tiles=[b""])),
    }


def lengths() -> dict[str, bytes]:
    head = seal(replace(latents(), tiles=[]))
    body = sealed_body(head, [b"\1" + bytes((1 << 24) - 1) + b"\1"], [], stored_all=False)
    return {"a payload of 2^24 + 1 bytes": head + body}


def counts() -> dict[str, bytes]:
    p = bare("tiny", (0x93, b"a"))
    many = [(0x80 | n, b"") for n in range(22, 55)]
    none = seal(replace(p, sections=[]))
    head = none[:4] + bytes([none[4] | 2]) + none[5:13] + b"\0"
    return {
        "no section though the flag is set": head + sealed_body(head, [b""], [], stored_all=True),
        "33 sections": seal(replace(p, sections=many)),
        "one less than told": seal(replace(p, count=2)),
        "one more than told": seal(replace(p, sections=[*p.sections, (0xA8, b"")], count=1)),
    }


def order() -> dict[str, bytes]:
    p = bare()
    return {
        "descending": seal(replace(p, sections=[(0x93, b"a"), (0x92, b"b")])),
        "twice": seal(replace(p, sections=[(0x93, b"a"), (0x93, b"b")])),
        "unknown and descending": seal(replace(p, sections=[(0xA9, b""), (0xA8, b"")])),
        "number 0": with_section(0x80, b"a"),
    }


def deflating() -> dict[str, bytes]:
    whole = deflated(b"abcdef")
    return {
        "too short": with_section(0xD3, deflated(b"abcdef", announced=7)),
        "too long": with_section(0xD3, deflated(b"abcdef", announced=5)),
        "bytes behind": with_section(0xD3, whole + b"\0"),
        "two streams": with_section(0xD3, whole + zlib.compress(b"")),
        "cut": with_section(0xD3, whole[:-1]),
        "no stream": with_section(0xD3, b"\6abcdef"),
        "nothing": with_section(0xD3, b""),
    }


def never_deflated(number: int) -> Files:
    return lambda: {"deflated": with_section(number | 0x40, deflated(b"\0\7"))}


def too_long(number: int, each: int) -> Files:
    most = each * SIZE[0] * SIZE[1] + 4096
    return lambda: {
        "a byte above": with_section(number, b"\0" + bytes(most)),
        **never_deflated(number)(),
    }


def ancillary() -> dict[str, bytes]:
    return {
        **{f"critical {n}": with_section(n, b"20") for n in range(16, 22)},
        **{f"ancillary {n}": with_section(0x80 | n, b"\0\7") for n in (1, 2, 3)},
    }


def source() -> dict[str, bytes]:
    bodies = (b"", b"x" * 101, b"CMYK\n", b"\x1b[31m", b"\x7f", "café".encode())
    return {str(body): with_section(0x94, body) for body in bodies}


def resolution() -> dict[str, bytes]:
    same = Image.Exif()
    same[282], same[283], same[296] = 300.0, 300.0, 2
    both = bare("tiny", (0x91, same.tobytes()[6:]), (0x95, 2 * varint(300_000)))
    return {
        "zero": with_section(0x95, varint(300) + b"\0"),
        "one number": with_section(0x95, varint(300)),
        "three numbers": with_section(0x95, 3 * varint(300)),
        "empty": with_section(0x95, b""),
        "as in EXIF": seal(both),
    }


def exif() -> dict[str, bytes]:
    def entry(kind: int) -> bytes:
        return b"II*\0\x08\0\0\0\1\0\x12\1" + struct.pack("<HII", kind, 1, 6) + bytes(4)

    return {"a short": with_section(0x91, entry(3)), "a long": with_section(0x91, entry(4))}


def utf8(tag: int) -> Files:
    return lambda: {"no UTF-8": with_section(tag, b"\xff\xfe"), "cut": with_section(tag, b"\xc3")}


def webp(**options: object) -> bytes:
    return saved(Image.fromarray(PHOTO), "WEBP", **options)


def in_files() -> dict[str, bytes]:
    wide = [b"\0" + bytes(3 * 65)] * 48
    whole, lossless = png(SIZE, 8, 2, RGB), webp(lossless=True)
    bodies = {
        "a wider PNG": b"\1" + png((65, 48), 8, 2, wide),
        "a higher PNG": b"\1" + png((64, 49), 8, 2, [*RGB, RGB[0]]),
        "a smaller WebP": b"\2" + saved(Image.fromarray(PHOTO[1:]), "WEBP", lossless=True),
        "bytes behind a PNG": b"\1" + whole + b"\0",
        "bytes behind a WebP": b"\2" + lossless + b"\0\0",
        "a WebP that is called PNG": b"\1" + lossless,
        "a GIF": b"\1" + saved(Image.fromarray(PHOTO).convert("P"), "GIF"),
    }
    return exact_and_blocks(bodies)


def exact_and_blocks(bodies: dict[str, bytes]) -> dict[str, bytes]:
    """Each body in both sections of colours."""
    exact = {f"exact: {k}": with_section(2, b) for k, b in bodies.items()}
    return exact | {
        f"blocks: {k}": with_section(3, b[:1] + b"\0\1" + b[1:]) for k, b in bodies.items()
    }


def chunks() -> dict[str, bytes]:
    whole = png(SIZE, 8, 2, RGB)
    head = bytearray(whole[16:29])
    head[12] = 1
    return exact_and_blocks(
        {
            "text": b"\1" + png(SIZE, 8, 2, RGB, chunk(b"tEXt", b"a\0b")),
            "gamma": b"\1" + png(SIZE, 8, 2, RGB, chunk(b"gAMA", b"\0\0\1\0")),
            "transparency": b"\1" + png(SIZE, 8, 2, RGB, chunk(b"tRNS", bytes(6))),
            "no IEND": b"\1" + whole[:-12],
            "an IEND with a body": b"\1" + whole[:-12] + chunk(b"IEND", b"hidden"),
            "a wrong checksum": b"\1" + whole[:-1] + bytes([whole[-1] ^ 1]),
            "interlaced": b"\1" + whole[:8] + chunk(b"IHDR", bytes(head)) + whole[33:],
        }
    )


def rows() -> dict[str, bytes]:
    front, every = png(SIZE, 8, 2, RGB)[:33], b"".join(RGB)
    two = front + chunk(b"IDAT", zlib.compress(every) + zlib.compress(b"")) + chunk(b"IEND")
    return exact_and_blocks(
        {
            "a row less": b"\1" + png(SIZE, 8, 2, RGB[:-1]),
            "a row more": b"\1" + png(SIZE, 8, 2, [*RGB, RGB[0]]),
            "a byte more": b"\1" + png(SIZE, 8, 2, [*RGB, b"\0"]),
            "two streams": b"\1" + two,
            "no stream": b"\1" + front + chunk(b"IDAT", b"no zlib") + chunk(b"IEND"),
            "an unknown filter": b"\1" + png(SIZE, 8, 2, [*RGB[:-1], b"\5" + RGB[0][1:]]),
        }
    )


def riff() -> dict[str, bytes]:
    good = webp(lossless=True)
    every = (saved(Image.fromarray(PHOTO ^ n), "WEBP", lossless=True) for n in range(256))
    odd = next(file for file in every if file[16] % 2)  # the length of its chunk
    more = good[8:] + b"XXXX\0\0\0\0"
    alpha = np.dstack([PHOTO, PHOTO[:, :, :1]])
    frames = io.BytesIO()
    Image.fromarray(PHOTO).save(
        frames, "WEBP", save_all=True, lossless=True, append_images=[Image.fromarray(255 - PHOTO)]
    )
    return exact_and_blocks(
        {
            "another chunk": b"\2" + b"RIFF" + struct.pack("<I", len(more)) + more,
            "lossy": b"\2" + webp(quality=9),
            "alpha": b"\2" + saved(Image.fromarray(alpha), "WEBP", lossless=True),
            "two frames": b"\2" + frames.getvalue(),
            "filled up by a one": b"\2" + odd[:-1] + b"\1",
            "a later version": b"\2" + good[:24] + bytes([good[24] | 0x20]) + good[25:],
        }
    )


def methods(tag: int, known: tuple[int, ...], before: bytes = b"") -> Files:
    whole = png(SIZE, 8, 0 if tag == 1 else 2, GREY if tag == 1 else RGB)
    other = [n for n in (0, 1, 2, 3, 4, 255) if n not in known]
    return lambda: (
        {f"method {n}": with_section(tag, bytes([n]) + before + whole) for n in other}
        | {"empty": with_section(tag, b"")}
    )


def alpha_constant() -> dict[str, bytes]:
    return {"none": with_section(1, b"\0"), "two": with_section(1, b"\0\7\7")}


def alpha_png() -> dict[str, bytes]:
    deep = [b"\0" + bytes(128)] * 48
    return {
        "colours": with_section(1, b"\1" + png(SIZE, 8, 2, RGB)),
        "2 bits": with_section(1, b"\1" + png(SIZE, 2, 0, [bytes(17)] * 48)),
        "16 bits": with_section(1, b"\1" + png(SIZE, 16, 0, deep)),
        "a palette": with_section(1, b"\1" + saved(Image.fromarray(PHOTO).convert("P"), "PNG")),
    }


def exact_png() -> dict[str, bytes]:
    return exact_and_blocks(
        {
            "grey": b"\1" + png(SIZE, 8, 0, GREY),
            "16 bits": b"\1" + png(SIZE, 16, 2, [b"\0" + bytes(6 * 64)] * 48),
            "alpha": b"\1" + png(SIZE, 8, 6, [b"\0" + bytes(4 * 64)] * 48),
        }
    )


def pixels_twice() -> dict[str, bytes]:
    whole = b"\1" + png(SIZE, 8, 2, RGB)
    p = replace(latents(), width=64, height=48, sections=[(2, whole)])
    return {"exact and latents": seal(p)}


def exact_and_blocks_beside() -> dict[str, bytes]:
    whole = png(SIZE, 8, 2, RGB)
    both = bare("tiny", (2, b"\1" + whole), (3, b"\1\0\1" + whole))
    return {"both": seal(both), **too_long(3, 4)()}


def runs() -> dict[str, bytes]:
    whole = png((130, 48), 8, 2, [b"\0" + bytes(390)] * 48)

    def three(*lengths: int) -> bytes:
        p = bare("tiny", (3, b"\1" + bytes(lengths) + whole))
        return seal(replace(p, width=130))

    return {
        "an empty run later": three(1, 0, 2),
        "an empty first run of the section": three(0, 0, 3),
        "beyond the end": three(1, 3),
        "a run too long": three(4),
    }


def no_block() -> dict[str, bytes]:
    return {"none": with_section(3, b"\1\1" + png(SIZE, 8, 2, RGB))}


def all_blocks() -> dict[str, bytes]:
    body = b"\1\0" + bytes([2]) + png((65, 33), 8, 2, [b"\0" + bytes(195)] * 33)
    p = replace(latents(), width=65, height=33, sections=[(3, body)])
    return {"latents under blocks": seal(p)}


def av1() -> dict[str, bytes]:
    from tccodec.picture.av1 import encode

    good = encode(PHOTO, quality=50, speed=9)
    length = good[1]
    bits = int.from_bytes(good[2 : 2 + length])
    top = 8 * length - 1

    def flipped(bit: int) -> bytes:
        return good[:2] + (bits ^ 1 << top - bit).to_bytes(length) + good[2 + length :]

    changed = {
        "a byte before": b"\x12\0" + good,
        "a byte behind": good + b"\0",
        "an OBU between": good[: 2 + length] + b"\x12\0" + good[2 + length :],
        "no frame": good[: 2 + length],
        "no header": good[2 + length :],
        "another profile": flipped(1),
        "no still picture": flipped(3),
        "no reduced header": flipped(4),
        "another size": encode(PHOTO[1:], quality=50, speed=9),
    }
    return {k: with_section(3, b"\3\0\1" + b) for k, b in changed.items()}


# ------------------------------------------------------------------ payloads


def absent() -> dict[str, bytes]:
    return {
        "no group": _payload("tiny", b"\0"),
        "no group, and code": _payload("tiny", b"\0" + latents().tiles[0][1:]),
        "no group of nine": _payload("renderer", b"\0"),
    }


def beyond() -> dict[str, bytes]:
    code, nine = latents().tiles[0][1:], latents("renderer").tiles[0]
    return {
        "bit 4 of four": _payload("tiny", bytes([latents().tiles[0][0] | 16]) + code),
        "bit 9 of nine": _payload("renderer", varint(1 << 9 | 1) + nine[1:]),
        "a group below its setting": _payload("renderer", varint(1 << 8 | 1) + b"\1", setting=949),
        "another below its setting": _payload("renderer", varint(1 << 5 | 1) + b"\1", setting=49),
    }


def _hyper_latents(value: int) -> bytes:
    """A file of one site whose hyper-latents are all `value`, as far as they are coded."""
    core = seeds.codec("tiny")._core.entropy
    setting = Setting(500)
    index = core.networks.hyper_index(setting).to(torch.uint8).flatten().numpy()
    z = np.where(index >= 2, value, 0).astype(np.int32)
    code = core.coder.encode([(z, index)])
    return _payload("tiny", b"\1" + code, setting=setting, width=32, height=32)


def ones() -> dict[str, bytes]:
    return {"13 ones": _hyper_latents(200_000)}


def hyper() -> dict[str, bytes]:
    return {str(value): _hyper_latents(value) for value in (32, -32)}


def end_of_code() -> dict[str, bytes]:
    good = latents().tiles[0]
    return {
        "a word more": _payload("tiny", good + b"\1\2\3\4"),
        "a word below": _payload("tiny", good[:1] + b"\1\2\3\4" + good[1:]),
        "a byte less": _payload("tiny", good[:-1]),
    }


def zero_byte() -> dict[str, bytes]:
    good = latents().tiles[0]
    return {"a zero": _payload("tiny", good + b"\0"), "a word": _payload("tiny", good + bytes(4))}


def rules() -> tuple[Rule, ...]:
    """All of them, in the order of the page."""
    p = bare()
    return (
        Rule("It has at most five bytes and must be in its shortest form", varints),
        Rule("A reader refuses a file as soon as one rule of this document is broken", chain),
        Rule("Nothing follows the last part", lambda: {"a zero": seal(replace(p, tail=b"\0"))}),
        Rule("magic `89 54 43 5A`", lambda: {"another": b"\x89TCY" + seal(p)[4:]}),
        Rule(
            "high nibble: version, 1. Low nibble: flags. 1 = grey, 2 = sections follow; 4 and 8"
            " must be 0",
            lambda: (
                {f"version {v}": seal(replace(p, version=v)) for v in (0, 2, 15)}
                | {f"flag {f}": seal(replace(p, flags=f)) for f in (4, 8, 12)}
            ),
        ),
        Rule("width in pixels, varint, 1 to 65535", sizes),
        Rule("height in pixels, varint, 1 to 65535", sizes),
        Rule("setting, varint, 0 to 1000", lambda: {"1001": seal(replace(p, setting=1001))}),
        Rule("number of sections, varint, 1 to 32; only if flag 2 is set", counts),
        Rule(
            "A reader without that model says so",
            lambda: {"another model": seal(replace(p, model=b"other"))},
        ),
        Rule("First come their payload lengths, one varint each, 0 to 2^24", lengths),
        Rule("all checksums form one chain", chain),
        Rule("a reader checks width and height against its limits", picture_limit),
        Rule("Numbers ascend, each at most once, and none is 0", order),
        Rule("one zlib stream of exactly that length with nothing after it", deflating),
        Rule(
            "a reader refuses a true length above its limit (32 MiB)",
            lambda: {"a byte above": with_section(0xD3, deflated(b"a", announced=(32 << 20) + 1))},
        ),
        Rule(
            "A file with any other unknown section is refused",
            lambda: {str(n): with_section(n, b"a") for n in (4, 15, 22, 40, 63)},
        ),
        Rule("For the numbers below, the ancillary bit must be as given", ancillary),
        Rule("never deflated; at most 2 x pixels + 4096 bytes", too_long(1, 2)),
        Rule("| 2 | exact | no | see below; never deflated; at most 4 x pixels", too_long(2, 4)),
        Rule("not beside *exact*", exact_and_blocks_beside),
        Rule("an orientation in its first directory is 1", exif),
        Rule("XMP packet, UTF-8", utf8(0x92)),
        Rule("text, UTF-8", utf8(0x93)),
        Rule("1 to 100 bytes, `20` to `7E`", source),
        Rule("two varints, not 0", resolution),
        Rule("one byte, the alpha of all pixels", alpha_constant),
        Rule("a PNG file, grey, 1 or 8 bits", alpha_png),
        Rule("not premultiplied; without the section", methods(1, (0, 1, 2))),
        Rule("a PNG file, RGB, 8 bits", exact_png),
        Rule("With this section the payloads of all tile groups are empty", pixels_twice),
        Rule("all colours, lossless", methods(2, (1, 2))),
        Rule("The first run, of blocks that the latents show, may be empty; no other may", runs),
        Rule("and so on by turns until all blocks are covered", runs),
        Rule("At least one block is in the section", no_block),
        Rule("If all are, the payloads of all tile groups are empty", all_blocks),
        Rule("as varints", methods(3, (1, 2, 3), b"\0\1")),
        Rule("two OBUs with nothing before, between or behind them", av1),
        Rule("have the picture's size, nothing behind their end, and one form each", in_files),
        Rule("IHDR, IDAT (one or more), an empty IEND and no others, with right checksums", chunks),
        Rule("one zlib stream that inflates to exactly the rows of the picture", rows),
        Rule("one chunk, `VP8L`, of version 0 without alpha", riff),
        Rule("At least one group must be present", absent),
        Rule("Bits from G on must be 0, and so must bit g at a setting below start[g]", beyond),
        Rule("A reader refuses more than 12 ones", ones),
        Rule("The code must not end in a zero byte", zero_byte),
        Rule("state = 0 and no words remain, else refuse", end_of_code),
        Rule("A reader refuses |z| > 31", hyper),
    )


def model_of(data: bytes) -> str:
    """Which of the models of `seeds` a file is made with."""
    return "renderer" if data[5:10] == seeds.codec("renderer").card.file_id else "tiny"


def neighbours() -> list[bytes]:
    """Files that are close to broken ones and break no rule."""
    return [
        seal(bare("tiny", (0x93, b"c"), (0x95, 2 * varint(300)))),
        with_section(1, b"\0\7"),
        with_section(2, b"\1" + png(SIZE, 8, 2, RGB)),
        with_section(2, b"\2" + webp(lossless=True)),
        with_section(3, b"\1\0\1" + png(SIZE, 8, 2, RGB)),
        with_section(0x96, b"no preview"),
        with_section(0xA8, b"of a later version"),
        with_section(0xD3, deflated(b"comment")),
        seal(latents("tiny")),
        seal(latents("renderer")),
    ]
