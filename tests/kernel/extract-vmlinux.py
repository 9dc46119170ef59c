#!/usr/bin/env python3
"""Takes the uncompressed kernel out of a compressed one.

extract-vmlinux.py VMLINUZ VMLINUX

QEMU starts an ELF kernel directly, which saves some four seconds of decompression under emulation.
The layout of a bzImage is given in the kernel's Documentation/arch/x86/boot.rst.
"""

import lzma
import os
import struct
import subprocess
import sys
import zlib


def payload(image):
    """The compressed kernel inside a bzImage."""
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    return image[start : start + length]


def piped(command, data):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def decompress(data):
    """By the magic number at its start. The last four bytes are the length, which zstd dislikes."""
    if data.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(data)
    if data.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(31).decompress(data)
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        return piped(["zstd", "-dc"], data[:-4])
    if data.startswith(b"\x02\x21\x4c\x18"):
        return piped(["lz4", "-dc"], data[:-4])
    return lzma.LZMADecompressor(format=lzma.FORMAT_ALONE).decompress(data)


def main():
    source, destination = sys.argv[1:]
    with open(source, "rb") as file:
        kernel = decompress(payload(file.read()))
    if not kernel.startswith(b"\x7fELF"):
        sys.exit(f"{source} does not hold an ELF kernel")
    # Under its own name only when whole: get-kernel.sh takes the file for a sign of that.
    with open(destination + ".part", "wb") as file:
        file.write(kernel)
    os.rename(destination + ".part", destination)


main()
