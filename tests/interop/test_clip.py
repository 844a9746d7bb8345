"""Published CLIPs: their addresses and SHA-256s, a TorchScript file's tensors bit for bit, and nothing run of it."""

import re
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.clip_models import script, tiny_config
from translate.checkpoints import sha256
from translate.download.fetch import Remote
from translate.errors import CheckpointError
from translate.interop import torch_file
from translate.interop.clip import PUBLISHED, Published, by_pull_name, read_published
from translate.networks.clip import build_clip


def weights() -> dict[str, Tensor]:
    """A tiny CLIP's tensors under published names, some in half precision as OpenAI's are."""
    state = build_clip(tiny_config(), 3).state_dict()
    named = {name.removeprefix("model."): tensor for name, tensor in state.items()}
    return {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in named.items()}


def published(path: Path, *, is_script: bool) -> Published:
    remote = Remote("https://example.org/clip.pt", 10**6, sha256(path))
    return Published("clip-tiny", remote, is_script, tiny_config())


def test_the_addresses_and_hashes_are_those_of_open_clip_s_table():
    from open_clip.pretrained import get_pretrained_cfg

    openai, laion = PUBLISHED["openai/ViT-B-32"], PUBLISHED["laion2b/ViT-B-32"]
    assert openai.remote.url == get_pretrained_cfg("ViT-B-32", "openai")["url"]
    assert f"/{openai.remote.sha256}/" in openai.remote.url
    assert laion.remote.url == get_pretrained_cfg("ViT-B-32", "laion2b_e16")["url"]
    begins = re.search(r"-([0-9a-f]{8})\.pth$", laion.remote.url)
    assert begins
    assert str(laion.remote.sha256).startswith(begins[1])
    assert all(len(str(found.remote.sha256)) == 64 for found in PUBLISHED.values())


@pytest.mark.parametrize(
    ("name", "model"), [("openai/ViT-B-32", "ViT-B-32-quickgelu"), ("laion2b/ViT-B-32", "ViT-B-32")]
)
def test_the_sizes_are_those_of_open_clip_s_own_config(name: str, model: str):
    import open_clip

    theirs, ours = open_clip.get_model_config(model), PUBLISHED[name].config
    assert ours.dim == theirs["embed_dim"]
    assert ours.quick_gelu is theirs.get("quick_gelu", False)
    vision = {"image_size": ours.vision.size, "layers": ours.vision.layers, "width": ours.vision.width}
    assert theirs["vision_cfg"] == {**vision, "patch_size": ours.vision.patch}
    text = {"context_length": ours.text.context, "width": ours.text.width, "heads": ours.text.heads}
    assert theirs["text_cfg"] == {**text, "layers": ours.text.layers, "vocab_size": 49408}


def test_a_program_s_tensors_are_read_bit_for_bit_under_their_dotted_names(tmp_path: Path):
    tensors = weights()
    found = torch_file.read_script(script(tensors, tmp_path / "clip.pt"))
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


@pytest.mark.parametrize("is_script", [True, False], ids=["openai", "laion"])
def test_a_published_file_becomes_a_network_that_says_the_same(tmp_path: Path, is_script: bool):
    tensors, path = weights(), tmp_path / "clip.pt"
    if is_script:
        script({**tensors, "input_resolution": torch.tensor(32.0)}, path)
    else:
        torch.save({f"module.{name}": tensor for name, tensor in tensors.items()}, path)
    clip, expected = build_clip(tiny_config()).eval(), build_clip(tiny_config(), 3).eval()
    clip.load_state_dict(read_published(path, published(path, is_script=is_script)))
    for module in (clip, expected):
        module.half().float()
    assert torch.equal(clip.encode_text(["an old man"]), expected.encode_text(["an old man"]))


def test_a_program_is_read_only_where_one_is_expected_and_a_state_dict_the_other_way_round(tmp_path: Path):
    torch.save(weights(), tmp_path / "state.pt")
    script(weights(), tmp_path / "script.pt")
    with pytest.raises(CheckpointError, match="a TorchScript program or another archive; expected a state_dict"):
        torch_file.read(tmp_path / "script.pt")
    with pytest.raises(CheckpointError, match="a state_dict or another archive; expected a TorchScript program"):
        torch_file.read_script(tmp_path / "state.pt")


def test_a_program_s_code_is_not_even_looked_at(tmp_path: Path):
    path = script(weights(), tmp_path / "clip.pt")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "bad.pt", "w") as new:
        for entry in old.infolist():
            code = "/code/" in entry.filename or "constants" in entry.filename
            new.writestr(entry.filename.replace("clip/", "bad/"), b"raise SystemExit" if code else old.read(entry))
    assert torch_file.read_script(tmp_path / "bad.pt").keys() == weights().keys()


def test_a_program_whose_pickle_names_a_function_is_refused(tmp_path: Path):
    path = script(weights(), tmp_path / "clip.pt")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "bad.pt", "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename.endswith("/data.pkl"):
                data = b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."
            new.writestr(entry.filename.replace("clip/", "bad/"), data)
    with pytest.raises(CheckpointError, match=r"its pickle calls os\.system, which no state_dict needs"):
        torch_file.read_script(tmp_path / "bad.pt")


def test_another_file_or_another_network_is_refused_in_one_line(tmp_path: Path):
    path = tmp_path / "clip.pt"
    torch.save(weights(), path)
    good = published(path, is_script=False)
    short = {name: tensor for name, tensor in weights().items() if name != "visual.proj"}
    torch.save(short, path)
    with pytest.raises(CheckpointError, match="its SHA-256 begins with"):
        read_published(path, good)
    with pytest.raises(CheckpointError, match=r"lacks visual\.proj; it is not tiny"):
        read_published(path, published(path, is_script=False))
    torch.save({**short, "visual.proj": torch.zeros(2, 2)}, path)
    with pytest.raises(CheckpointError, match=r"visual\.proj is \[2, 2\], expected \[16, 8\]"):
        read_published(path, published(path, is_script=False))


def test_a_clip_is_found_by_either_name():
    assert by_pull_name("clip-openai-vit-b-32") == by_pull_name("openai/ViT-B-32") == "openai/ViT-B-32"
    assert by_pull_name("clip-of-my-own") is None
