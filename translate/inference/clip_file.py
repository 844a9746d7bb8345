"""Clips as files, through PyAV: frames upright and in order out of one, frames and untouched sound into another."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from translate.errors import ConfigError, ImageError
from translate.images import MAX_PIXELS, MAX_SIDE

Array = np.ndarray[Any, Any]

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""What is written, by suffix."""
READ = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
"""The only readers that FFmpeg may take for a file, whatever its content says: others open addresses named in it."""
ENCODERS = {
    "h264": ("libx264", {"crf": "18", "preset": "medium"}),
    "vp9": ("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}),
}
LATE_SECONDS = 1.0
"""A clip that ends this much before the length it states is cut off."""
BT709, LIMITED = 1, 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a clip, upright; `time` in units of the clip's time base."""

    pixels: Array
    """(H, W, 3) uint8."""
    time: int
    duration: int


def require() -> Any:
    """The package av.

    Raises: ConfigError in one line where the extra isn't installed.
    """
    try:
        import av
    except ImportError:
        raise ConfigError("clips need PyAV: pip install 'translate-images[video]'") from None
    return av


class ClipReader:
    """An open clip: `items()` gives its frames, and its sound's packets as they lie between them.

    Raises: ImageError in one line for what is no clip, has no picture, or is too large.
    """

    def __init__(self, path: Path) -> None:
        self.av, self.path = require(), path
        limits = {"format_whitelist": READ, "protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
        try:
            self.container = self.av.open(str(path.absolute()), options=limits, metadata_errors="replace")
        except (self.av.FFmpegError, OSError, ValueError) as error:
            raise ImageError(f"{path}: not a readable clip ({_reason(error)})") from None
        try:
            self.video = self._picture()
        except ImageError:
            self.close()
            raise
        self.audio = list(self.container.streams.audio)
        self.rate = self.video.average_rate or self.video.guessed_rate or Fraction(25)
        self.time_base: Fraction = self.video.time_base
        self.aspect = self.video.sample_aspect_ratio or Fraction(1)

    def close(self) -> None:
        self.container.close()

    def __enter__(self) -> "ClipReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def expected(self) -> int:
        """About how many frames there are."""
        seconds = float((self.container.duration or 0) / self.av.time_base)
        return int(self.video.frames or round(seconds * float(self.rate)))

    @property
    def left_out(self) -> list[str]:
        """The streams that a translation does not carry over, by kind."""
        kept = {self.video.index, *(stream.index for stream in self.audio)}
        return [stream.type for stream in self.container.streams if stream.index not in kept]

    def items(self) -> Iterator[Any]:
        """Frames and packets of sound, in the order in which they lie in the file.

        Raises: ImageError saying where the clip is damaged, ends too early, or changes its size.
        """
        count, size, last, reached = 0, None, None, 0.0
        try:
            for packet in self.container.demux(self.video, *self.audio):
                reached = max(reached, _end(packet))
                if packet.is_corrupt:
                    raise ImageError(f"{self.path}: damaged or cut off at {reached:.1f} s (frame {count + 1})")
                if packet.stream.index != self.video.index:
                    if packet.size:
                        yield packet
                    continue
                for picture in packet.decode():
                    frame = self._frame(picture, last)
                    size = size or frame.pixels.shape
                    if frame.pixels.shape != size:
                        raise ImageError(f"{self.path}: frame {count + 1} has another size than those before it")
                    count, last = count + 1, frame
                    yield frame
        except (self.av.FFmpegError, OSError, ValueError) as error:
            raise ImageError(f"{self.path}: damaged at {reached:.1f} s (frame {count + 1}: {_reason(error)})") from None
        self._check_end(count, reached)

    def _picture(self) -> Any:
        streams = [s for s in self.container.streams.video if not s.disposition & _COVER]
        if not streams:
            raise ImageError(f"{self.path}: has no moving picture, only {self._kinds()}")
        video = streams[0]
        context = video.codec_context
        if context is None:
            raise ImageError(f"{self.path}: its picture's codec is unknown to this FFmpeg")
        width, height = context.width, context.height
        if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
            raise ImageError(
                f"{self.path}: {width} x {height} pixels; at most {MAX_SIDE:,} a side and {MAX_PIXELS // 10**6} "
                "megapixels are taken"
            )
        context.options = {"max_pixels": str(MAX_PIXELS)}  # a frame may say another size than the file
        context.thread_type = "AUTO"
        return video

    def _kinds(self) -> str:
        kinds = ["a cover" if stream.type == "video" else stream.type for stream in self.container.streams]
        return ", ".join(dict.fromkeys(kinds)) or "its header"

    def _frame(self, picture: Any, last: Frame | None) -> Frame:
        step = max(1, round(1 / (self.rate * self.time_base)))
        time = picture.pts if picture.pts is not None else (last.time + step if last else 0)
        if last is not None and time <= last.time:
            raise ImageError(
                f"{self.path}: damaged: its frames go back in time at {float(time * self.time_base):.2f} s"
            )
        pixels = picture.to_ndarray(format="rgb24")  # (H, W, 3)
        turned = np.ascontiguousarray(np.rot90(pixels, round(picture.rotation / 90) % 4))
        return Frame(turned, time, getattr(picture, "duration", 0) or step)

    def _check_end(self, count: int, reached: float) -> None:
        if not count:
            raise ImageError(f"{self.path}: holds no frame")
        begins = float((self.container.start_time or 0) / self.av.time_base)
        states = float((self.container.duration or 0) / self.av.time_base) + begins
        if reached < states - LATE_SECONDS:
            raise ImageError(f"{self.path}: cut off: it ends at {reached:.1f} s of {states:.1f} s")


class ClipWriter:
    """A clip being written: pictures are encoded, packets of sound copied as they are.

    4:2:0 is what every player shows, and it needs even sides: an odd one gets its last row or column twice.
    Raises: ImageError, from every method and at the end of a with block, for what the container or the disk won't take.
    """

    def __init__(self, path: Path, suffix: str, reader: ClipReader, size: tuple[int, int]) -> None:
        self.av, self.reader, self.suffix, self.size = reader.av, reader, suffix, size
        kind = CONTAINERS[suffix]
        options = {"movflags": "+faststart"} if kind in ("mp4", "mov") else {}
        self.container = self.av.open(str(path.absolute()), "w", format=kind, options=options)
        try:
            self.video = self._encoder(*ENCODERS["vp9" if kind == "webm" else "h264"])
            self.sound = {stream.index: self._copied(stream) for stream in reader.audio}
        except BaseException:
            self.abandon()
            raise

    def __enter__(self) -> "ClipWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.abandon()
        if isinstance(error, self.av.FFmpegError):
            raise ImageError(f"{self.reader.path}: can't be written as {self.suffix} ({_reason(error)})") from None

    def _encoder(self, name: str, settings: dict[str, str]) -> Any:
        height, width = self.size
        source = self.reader.video.codec_context
        video = self.container.add_stream(name, rate=self.reader.rate, options=settings)
        video.width, video.height, video.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        context = video.codec_context
        context.time_base = self.reader.time_base
        context.color_range, context.colorspace = LIMITED, BT709
        context.color_primaries = context.color_trc = BT709
        turned = (source.height, source.width) != self.size
        context.sample_aspect_ratio = 1 / self.reader.aspect if turned else self.reader.aspect
        return video

    def frame(self, pixels: Array, source: Frame) -> None:
        """Add a picture in the place of `source`. Shape: (H, W, 3) uint8."""
        height, width = self.size
        padded = np.ascontiguousarray(np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge"))
        picture = self.av.VideoFrame.from_ndarray(padded, format="rgb24").reformat(
            format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
        )
        picture.pts, picture.time_base = source.time, self.reader.time_base
        if hasattr(picture, "duration"):
            picture.duration = source.duration
        self.container.mux(self.video.encode(picture))

    def copy(self, packet: Any) -> None:
        """Add a packet of sound."""
        packet.stream = self.sound[packet.stream.index]
        self.container.mux(packet)

    def finish(self) -> None:
        """Write what the encoder still holds, and the file's end."""
        self.container.mux(self.video.encode(None))
        self.container.close()

    def abandon(self) -> None:
        """Close the file without caring for what is in it."""
        with suppress(Exception):
            self.container.close()

    def _copied(self, stream: Any) -> Any:
        try:
            copy = self.container.add_stream_from_template(stream)
        except (self.av.FFmpegError, ValueError):
            name = stream.codec_context.name if stream.codec_context else "of an unknown kind"
            raise ImageError(
                f"{self.reader.path}: a {self.suffix} file can't hold its sound ({name}); write .mkv"
            ) from None
        if stream.language:
            copy.metadata["language"] = stream.language
        return copy


_COVER = 0x0400
"""FFmpeg's AV_DISPOSITION_ATTACHED_PIC: the picture on a song."""


def _end(packet: Any) -> float:
    if packet.pts is None or packet.time_base is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
