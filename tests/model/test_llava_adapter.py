"""What LLaVA's own trainer leaves becomes an adapter on the base in the Hugging Face form."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from vsdkit.errors import CheckpointError, ConfigError
from vsdkit.merge import merge
from vsdkit.model.checkpoint import load_adapter, load_base
from vsdkit.model.llava_adapter import is_llava_adapter, llava_image_mode
from vsdkit.model.precision import choose_precision

# transformers 5 to LLaVA.
TO_LLAVA = {
    "base_model.model.model.language_model.layers.": "base_model.model.model.layers.",
    "base_model.model.model.multi_modal_projector.linear_1.": (
        "base_model.model.model.mm_projector.0."
    ),
    "base_model.model.model.multi_modal_projector.linear_2.": (
        "base_model.model.model.mm_projector.2."
    ),
}
CUT = {"image_aspect_ratio": "anyres", "mm_patch_merge_type": "spatial_unpad"}


def llava_name(name: str) -> str:
    begin = next(one for one in TO_LLAVA if name.startswith(one))
    return TO_LLAVA[begin] + name.removeprefix(begin)


@pytest.fixture(scope="module")
def run(make_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "one", projector=True)


@pytest.fixture
def llava(run: Path, tmp_path: Path) -> Path:
    """Write the run as LLaVA's trainer would have."""
    folder = tmp_path / "llava-lora"
    folder.mkdir()
    tensors = {
        llava_name(name): tensor
        for name, tensor in load_file(run / "adapter_model.safetensors").items()
    }
    lora = {name: one for name, one in tensors.items() if "lora_" in name}
    rest = {name: one for name, one in tensors.items() if "lora_" not in name}
    torch.save(lora, folder / "adapter_model.bin")
    torch.save(rest, folder / "non_lora_trainables.bin")
    (folder / "config.json").write_text(json.dumps(CUT))
    config = {
        "base_model_name_or_path": "liuhaotian/llava-v1.6-vicuna-13b",
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "lora_alpha": 8,
        "lora_dropout": 0.05,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": 4,
        "target_modules": ["q_proj", "up_proj", "down_proj", "k_proj", "o_proj", "v_proj"],
        "task_type": "CAUSAL_LM",
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def test_it_is_told_from_other_folders(llava: Path, run: Path) -> None:
    assert is_llava_adapter(llava)
    assert not is_llava_adapter(run)


@pytest.mark.parametrize("safe", [False, True])
def test_it_merges_to_the_same_weights(
    llava: Path, run: Path, fp32_base: Path, tmp_path: Path, safe: bool
) -> None:
    if safe:
        save_file(torch.load(llava / "adapter_model.bin"), llava / "adapter_model.safetensors")
        (llava / "adapter_model.bin").unlink()
    report = merge(run=llava, base=str(fp32_base))
    assert (report.run, report.image_mode) == (str(llava / "peft"), "anyres")
    assert (report.added, report.replaced) == (21, 4)
    expected = load_file(
        Path(merge(run=run, output=tmp_path / "merged").output) / "model.safetensors"
    )
    found = load_file(llava / "merged" / "model.safetensors")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert merge(run=llava, base=str(fp32_base)).already


def test_the_converted_folder_is_a_run_that_peft_loads(
    llava: Path, run: Path, fp32_base: Path
) -> None:
    merge(run=llava, base=str(fp32_base))
    folder = llava / "peft"
    before, after = (load_file(one / "adapter_model.safetensors") for one in (run, folder))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    loaded = load_base(str(fp32_base), image_mode="anyres", precision=choose_precision("cpu"))
    # Neither a weight without a place nor a place without a weight: the vision tower has none.
    load_adapter(loaded, folder)
    note = json.loads((folder / "run.json").read_text())
    assert (note["complete"], note["base"]) == (True, str(fp32_base))
    assert note["converted_from"] == str(llava)


@pytest.mark.parametrize(
    ("config", "mode"),
    [(CUT, "anyres"), ({"image_aspect_ratio": "pad", "mm_patch_merge_type": "flat"}, "single")],
)
def test_the_image_mode_of_its_config(llava: Path, config: dict[str, Any], mode: str) -> None:
    (llava / "config.json").write_text(json.dumps(config))
    assert llava_image_mode(llava) == mode


@pytest.mark.parametrize("config", [None, "[]", "{", "{}", '{"image_aspect_ratio": "anyres"}'])
def test_an_image_mode_that_is_not_known(llava: Path, fp32_base: Path, config: str | None) -> None:
    if config is None:
        (llava / "config.json").unlink()
    else:
        (llava / "config.json").write_text(config)
    with pytest.raises(ConfigError, match="does not say how images were cut"):
        merge(run=llava, base=str(fp32_base))
    assert merge(run=llava, base=str(fp32_base), image_mode="single").image_mode == "single"


@pytest.mark.parametrize("name", ["embed_tokens.weight", "image_newline", "vision_tower.x.weight"])
def test_what_has_no_place_is_named(llava: Path, fp32_base: Path, name: str) -> None:
    rest = torch.load(llava / "non_lora_trainables.bin")
    torch.save(
        rest | {f"base_model.model.model.{name}": torch.ones(2)}, llava / "non_lora_trainables.bin"
    )
    with pytest.raises(CheckpointError, match=rf"model\.{name} was trained"):
        merge(run=llava, base=str(fp32_base))
    assert not (llava / "peft").exists()


class _Trap:
    """Pickled, it would write a file on being loaded."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.place,)


def test_code_in_a_pickle_is_never_run(llava: Path, fp32_base: Path, tmp_path: Path) -> None:
    torch.save({"x": _Trap(tmp_path / "trapped")}, llava / "non_lora_trainables.bin")
    with pytest.raises(CheckpointError, match="hold more than tensors"):
        merge(run=llava, base=str(fp32_base))
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("file", ["adapter_model.bin", "non_lora_trainables.bin"])
def test_a_file_that_is_cut_off(llava: Path, fp32_base: Path, file: str) -> None:
    (llava / file).write_bytes((llava / file).read_bytes()[:400])
    with pytest.raises(CheckpointError, match="missing, damaged, or hold more"):
        merge(run=llava, base=str(fp32_base))


def test_a_run_brings_its_own_form_of_question(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "one"))
    with pytest.raises(ConfigError, match="image_mode is given, and the run brings its own"):
        merge(run=copy, image_mode="single")
