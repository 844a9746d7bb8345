"""Small clips made by the test itself; never a file from elsewhere."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

av = pytest.importorskip("av")

MILLISECOND = Fraction(1, 1000)


def write_clip(
    path: Path,
    frames: Sequence[np.ndarray[Any, Any]],
    *,
    times: Sequence[int] = (),
    sound: bool = True,
    codec: str = "libx264",
    sound_codec: str = "aac",
    options: dict[str, str] | None = None,
) -> None:
    """Frames (H, W, 3) uint8, at `times` in milliseconds, else 25 a second; a tone as long as they are."""
    times = times or [40 * number for number in range(len(frames))]
    with av.open(str(path), "w", options=options or {}) as clip:
        video = clip.add_stream(codec, rate=25, options={"crf": "4"})
        video.height, video.width = frames[0].shape[:2] if len(frames) else (48, 64)
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = MILLISECOND
        audio = clip.add_stream(sound_codec, rate=48000) if sound else None
        clip.start_encoding()  # so that one without frames is a file too
        for pixels, time in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time, MILLISECOND
            clip.mux(video.encode(frame))
        clip.mux(video.encode(None))
        if audio is not None:
            tone = np.sin(np.arange(48 * (max(times, default=0) + 40)) / 20).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48000, 0
            clip.mux(audio.encode(frame))
            clip.mux(audio.encode(None))


def write_sound(path: Path) -> None:
    """A file with sound alone."""
    with av.open(str(path), "w") as clip:
        audio = clip.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, 0
        clip.mux(audio.encode(frame))
        clip.mux(audio.encode(None))


def pictures(path: Path) -> list[np.ndarray[Any, Any]]:
    """Every frame as it is shown but for its turn. Shape: (H, W, 3) uint8."""
    with av.open(str(path)) as clip:
        return [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]


def times(path: Path) -> list[Fraction]:
    """When each frame is shown, in seconds."""
    with av.open(str(path)) as clip:
        return [frame.pts * frame.time_base for frame in clip.decode(video=0)]


def sound(path: Path) -> list[tuple[Fraction, bytes]]:
    """Time and bytes of every packet of sound."""
    with av.open(str(path)) as clip:
        packets = [packet for packet in clip.demux(audio=0) if packet.size]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in packets]


def turn(path: Path, quarter: bytes = bytes.fromhex("00000000 00010000 00000000 ffff0000 00000000 00000000")) -> None:
    """Make an MP4 say that its picture is to be turned by a quarter clockwise, as a phone held upright does."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 2 + 2 + 2 + 2  # version and flags, times and id, reserved, layer ...
    data[at : at + 24] = quarter
    path.write_bytes(bytes(data))
