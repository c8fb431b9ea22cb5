import json
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

from vsdkit.errors import CheckpointError, ConfigError
from vsdkit.model.bases import (
    DEFAULT_BASE,
    TINY_BASE,
    check_base,
    family_of,
    is_at_hand,
    resolve_base,
    source_to_plan,
    tiny_base_path,
)


def copy_tiny(folder, **changes):
    config = json.loads((tiny_base_path() / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(b"")
    return str(folder)


def raising(error):
    def cached_file(*_, **__):
        raise OSError("from the hub") from error

    return cached_file


def test_tiny_is_packaged_small_and_as_its_hashes_say():
    import hashlib

    folder = tiny_base_path()
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    sums = dict(reversed(line.split("  ")) for line in lines)
    files = {path.name for path in folder.iterdir()} - {"SHA256SUMS"}

    assert set(sums) == files
    assert all(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() == sums[name] for name in files
    )
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 3 * 2**20
    assert {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "preprocessor_config.json",
    } <= files


def test_tiny_is_an_alias():
    assert resolve_base("tiny") == str(tiny_base_path())
    assert resolve_base(DEFAULT_BASE) == DEFAULT_BASE
    assert check_base("tiny").model_type == "llava_next"
    assert check_base(str(tiny_base_path())).vision_config.image_size == 32


def test_finding_the_tiny_base_imports_no_torch():
    code = (
        "import sys; from vsdkit.model.bases import tiny_base_path; tiny_base_path(); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


@pytest.mark.parametrize("base", ["no-such-base", "./nowhere", "/no/where", "a/b/c"])
def test_neither_folder_nor_hub_id(base):
    with pytest.raises(CheckpointError, match="no such base model") as caught:
        check_base(base)

    assert DEFAULT_BASE in caught.value.hint


def test_folder_without_a_model(tmp_path):
    with pytest.raises(CheckpointError, match="this folder holds no model"):
        check_base(str(tmp_path))


def test_adapter_folder_as_base(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="an adapter, not a base model"):
        check_base(str(tmp_path))


def test_pickled_weights_are_refused(tmp_path):
    copy_tiny(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="no safetensors weights"):
        check_base(str(tmp_path))


def test_another_kind_of_model(tmp_path):
    with pytest.raises(CheckpointError, match=r"not a LLaVA-NeXT model: .* is of type 'llava'"):
        check_base(copy_tiny(tmp_path, model_type="llava"))


def test_another_feature_strategy(tmp_path):
    with pytest.raises(CheckpointError, match="only 'default' is supported"):
        check_base(copy_tiny(tmp_path, vision_feature_select_strategy="full"))


def test_config_cut_off(tmp_path):
    copy_tiny(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llava_')
    with pytest.raises(CheckpointError, match=r"config\.json is not JSON"):
        check_base(str(tmp_path))


def test_hub_id_without_network(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        CheckpointError, match="is not in the cache, and offline mode is on"
    ) as caught:
        check_base("nobody/never-fetched")

    assert caught.value.exit_code == 3
    assert "hf download nobody/never-fetched" in caught.value.hint


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RepositoryNotFoundError, "no such base model on the hub"),
        (GatedRepoError, "access .* must be asked for"),
    ],
)
def test_hub_says_no(monkeypatch, error, message):
    monkeypatch.setattr("transformers.utils.cached_file", raising(error.__new__(error)))
    with pytest.raises(CheckpointError, match=message):
        check_base("nobody/nothing")


def test_hub_cannot_be_reached(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("transformers.utils.cached_file", raising(ConnectionError()))
    with pytest.raises(CheckpointError, match="the hub cannot be reached"):
        check_base("nobody/nothing")


@pytest.mark.parametrize("grid", [[], [[0, 0]], [[40, 32]], [[32]]])
def test_anyres_needs_a_grid_and_one_tile_does_not(tmp_path, grid):
    base = copy_tiny(tmp_path, image_grid_pinpoints=grid)
    assert check_base(base).model_type == "llava_next"
    with pytest.raises(CheckpointError, match="no high resolution with this base") as raised:
        check_base(base, image_mode="anyres")
    assert "--image-mode single" in raised.value.hint


def test_the_tiny_base_has_a_grid():
    assert check_base("tiny", image_mode="anyres").image_grid_pinpoints == [
        [32, 64],
        [64, 32],
        [64, 64],
    ]


def test_one_tile_leaves_a_grid_without_tiles():
    assert check_base("tiny", image_mode="single").image_grid_pinpoints == [[0, 0]]


def test_an_image_mode_that_the_family_does_not_know():
    with pytest.raises(ConfigError, match="unknown image mode 'wide' for a LLaVA-NeXT") as caught:
        check_base("tiny", image_mode="wide")
    assert caught.value.hint == "use one of: single, anyres"


def test_the_default_base_is_planned_from_what_is_packaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    source = source_to_plan(DEFAULT_BASE)
    config = check_base(DEFAULT_BASE, image_mode="anyres", only_plans=True)
    assert config.get_text_config().hidden_size == 5120
    preparer = family_of(config).load_preparer(source, config, image_mode="anyres")
    # As transformers' own processor has it: 480 x 640 and 1,000 x 1,000.
    assert (preparer.count_tokens((480, 640)), preparer.count_tokens((1000, 1000))) == (2340, 2928)
    assert not is_at_hand(DEFAULT_BASE)
    assert is_at_hand(TINY_BASE)
    assert source_to_plan(TINY_BASE) == str(tiny_base_path())
