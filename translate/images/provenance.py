"""What a picture file says of a picture that no camera took: that it is synthetic, and by which model."""

from typing import Any, Literal, NamedTuple
from xml.sax.saxutils import escape

from PIL import PngImagePlugin

SOURCE_TYPES = {"generated": "trainedAlgorithmicMedia", "edited": "compositeWithTrainedAlgorithmicMedia"}
"""IPTC's words for both, which cameras, editors and platforms read from XMP."""
VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_PACKET = (
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    ' ext:DigitalSourceType="{source}"><dc:description><rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt>'
    '</dc:description></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif")
"""Of the files that can say it."""


class Provenance(NamedTuple):
    """`text` for people, `kind` for machines: made by a model altogether, or a photo that a model changed."""

    text: str
    kind: Literal["generated", "edited"] = "generated"

    @property
    def xmp(self) -> bytes:
        """The XMP packet."""
        return _PACKET.format(source=VOCABULARY + SOURCE_TYPES[self.kind], text=escape(self.text)).encode()

    def options(self, file: str) -> dict[str, Any]:
        """What Pillow's `save` takes for a kind of file.

        Raises: ValueError for one that can't say it.
        """
        if file == "PNG":
            chunks = PngImagePlugin.PngInfo()
            chunks.add_itxt("Comment", self.text)
            chunks.add_itxt("XML:com.adobe.xmp", self.xmp.decode())
            return {"pnginfo": chunks}
        if file == "GIF":
            return {"comment": self.text.encode()}
        if file == "JPEG":
            return {"comment": self.text.encode(), "xmp": self.xmp}
        if file == "WEBP":
            return {"xmp": self.xmp}
        raise ValueError(f"it can't say that the picture is synthetic; name it {', '.join(SUFFIXES)}")
