import codecs
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.decoding import decode


@pytest.mark.parametrize(
    ("content", "text", "encoding"),
    [
        (b"x = 1\n", "x = 1\n", "UTF-8"),
        ("größe = '漢'".encode(), "größe = '漢'", "UTF-8"),
        (codecs.BOM_UTF8 + b"x", "x", "UTF-8-SIG"),
        (codecs.BOM_UTF16_LE + "né".encode("utf-16-le"), "né", "UTF-16LE"),
        (codecs.BOM_UTF16_BE + "né".encode("utf-16-be"), "né", "UTF-16BE"),
        (codecs.BOM_UTF32_LE + "né".encode("utf-32-le"), "né", "UTF-32LE"),
        ("# Größe\n".encode("latin-1"), "# Größe\n", "ISO-8859-1"),
        ("# “quoted”\n".encode("cp1252"), "# “quoted”\n", "windows-1252"),
        (b"", "", "UTF-8"),
    ],
)
def test_text_comes_with_the_name_of_its_encoding(content: bytes, text: str, encoding: str) -> None:
    decoded = decode(content)
    assert decoded is not None
    assert (decoded.text, decoded.encoding) == (text, encoding)


@pytest.mark.parametrize(
    "content",
    [
        b"\x7fELF\x02\x01\x01\x00\x00",
        b"text with a NUL\x00 inside",
        codecs.BOM_UTF16_LE + b"\x00\xd8a\x00",  # half a surrogate pair
        codecs.BOM_UTF16_LE + "a\0b".encode("utf-16-le"),
        bytes(range(1, 256)) * 4,
        random.Random(7).randbytes(4000).replace(b"\0", b"\1"),
    ],
)
def test_what_is_binary_is_told(content: bytes) -> None:
    assert decode(content) is None


def test_a_stated_encoding_is_believed_where_the_bytes_are_not_utf_8() -> None:
    decoded = decode("# привет\n".encode("koi8-r"), "KOI8-R")
    assert decoded is not None
    assert (decoded.text, decoded.encoding) == ("# привет\n", "KOI8-R")


def test_an_unknown_stated_encoding_is_passed_over() -> None:
    decoded = decode("é = 1".encode("latin-1"), "no-such-codec")
    assert decoded is not None
    assert decoded.encoding == "ISO-8859-1"


@given(st.binary(max_size=300))
def test_decoded_text_can_always_be_stored_and_leads_back_to_the_bytes(content: bytes) -> None:
    decoded = decode(content)
    if decoded is not None:
        decoded.text.encode("utf-8")
        marks = {"UTF-8-SIG": b"", "UTF-16LE": codecs.BOM_UTF16_LE, "UTF-16BE": codecs.BOM_UTF16_BE}
        marks |= {"UTF-32LE": codecs.BOM_UTF32_LE, "UTF-32BE": codecs.BOM_UTF32_BE}
        assert marks.get(decoded.encoding, b"") + decoded.text.encode(decoded.encoding) == content
