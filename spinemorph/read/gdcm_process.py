"""A program, not a module: decodes one lossless JPEG with GDCM and ends.

GDCM takes the whole process down on some damaged code streams, so it gets a process that nobody
misses. It reads a line of JSON and the code stream on standard input and writes the samples,
interleaved and little endian, on standard output. It imports nothing of spinemorph: it has to
start fast.
"""

import json
import sys
from typing import Any

import gdcm


def decode(frame: bytes, header: dict[str, Any]) -> bytes:
    """The samples of a code stream.

    ``header``: rows, columns, samples, allocated, stored, signed (0 or 1), photometric, syntax.
    """
    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
    pixel_format = gdcm.PixelFormat(
        header["samples"],
        header["allocated"],
        header["stored"],
        header["stored"] - 1,
        header["signed"],
    )
    kind = gdcm.PhotometricInterpretation.GetPIType(header["photometric"])
    syntax = gdcm.TransferSyntax.GetTSType(header["syntax"])
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())

    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((header["columns"], header["rows"], 1))
    image.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    image.SetPixelFormat(pixel_format)
    image.SetDataElement(element)
    # GDCM hands bytes over as text
    text: str = image.GetBuffer()
    return text.encode("utf-8", "surrogateescape")


def main() -> None:
    header = json.loads(sys.stdin.buffer.readline())
    sys.stdout.buffer.write(decode(sys.stdin.buffer.read(), header))


if __name__ == "__main__":
    main()
