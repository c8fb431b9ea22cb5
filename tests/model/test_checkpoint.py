import json
import shutil

import pytest
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import load_file, save_file

from vsdkit.demo.scenes import sample_scenes
from vsdkit.errors import CheckpointError, ConfigError
from vsdkit.model.bases import tiny_base_path
from vsdkit.model.checkpoint import load_adapter, load_base
from vsdkit.model.families import FAMILIES
from vsdkit.model.lora import without_peft_noise
from vsdkit.model.precision import choose_precision
from vsdkit.model.prompt_ids import encode

CPU = choose_precision("cpu")
LORA_TARGETS = FAMILIES["llava_next"].lora_targets
TRAINED_PROJECTOR = (
    "base_model.model.model.multi_modal_projector.modules_to_save.default.linear_1.weight"
)
PROMPT = "A chat. USER: <image>\nHow does the {} meet the {}? ASSISTANT:"


def load_tiny(image_mode="single", base="tiny"):
    return load_base(base, image_mode=image_mode, precision=CPU)


@pytest.fixture
def copied_base(tmp_path):
    return shutil.copytree(tiny_base_path(), tmp_path / "base")


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(0)
    config = LoraConfig(r=4, target_modules=LORA_TARGETS, init_lora_weights=False)
    with without_peft_noise():
        get_peft_model(load_tiny().model, config).save_pretrained(folder)
    return folder


@pytest.fixture
def copied_adapter(adapter, tmp_path):
    return shutil.copytree(adapter, tmp_path / "adapter")


def mixed_pictures():
    """Return eight (picture, question) pairs, the pictures of several shapes."""
    sizes = [
        (128, 128),
        (200, 120),
        (90, 128),
        (128, 128),
        (64, 64),
        (300, 300),
        (128, 61),
        (40, 160),
    ]
    scenes = sample_scenes(len(sizes), seed=5)
    return [
        (scene.draw().resize(size), PROMPT.format(scene.subject.tag, scene.object.tag))
        for scene, size in zip(scenes, sizes, strict=True)
    ]


def answer(loaded, rows):
    """Return greedy answers to (picture, prompt) rows as one left-padded batch."""
    pictures = [loaded.preparer.prepare(image) for image, _ in rows]
    ids = [
        encode(
            loaded.tokenizer, prompt, image_id=loaded.image_id, image_tokens=picture.n_tokens
        ).ids
        for picture, (_, prompt) in zip(pictures, rows, strict=True)
    ]
    longest = max(map(len, ids))
    pad = loaded.tokenizer.pad_token_id
    padded = torch.tensor([[pad] * (longest - len(row)) + row for row in ids])
    output = loaded.model.generate(
        input_ids=padded,
        attention_mask=torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids]),
        **loaded.preparer.collate(pictures, padded),
        max_new_tokens=12,
        do_sample=False,
    )
    return loaded.tokenizer.batch_decode(output[:, longest:], skip_special_tokens=True)


@pytest.mark.parametrize(("image_mode", "tokens", "crops"), [("single", 17, 1), ("anyres", 88, 5)])
def test_counted_tokens_are_those_of_the_model(image_mode, tokens, crops):
    loaded = load_tiny(image_mode)
    picture = loaded.preparer.prepare(Image.new("RGB", (128, 128), "white"))
    ids, _ = encode(
        loaded.tokenizer, PROMPT, image_id=loaded.image_id, image_tokens=picture.n_tokens
    )
    batch = torch.tensor([ids])
    with torch.no_grad():
        loaded.model(input_ids=batch, **loaded.preparer.collate([picture], batch))

    assert (picture.n_tokens, len(picture.tensors["pixel_values"])) == (tokens, crops)
    assert not loaded.model.training
    assert loaded.model.dtype is torch.float32


@pytest.mark.parametrize("image_mode", ["single", "anyres"])
def test_a_batch_answers_as_one_by_one(image_mode):
    loaded = load_tiny(image_mode)
    rows = mixed_pictures()

    together = answer(loaded, rows)
    assert together == [answer(loaded, [row])[0] for row in rows]
    assert len(set(together)) > 2


def test_the_base_sees():
    loaded = load_tiny()
    scenes = [
        scene
        for scene in sample_scenes(90, seed=6)
        if scene.relation in ("to the left of", "to the right of")
    ]
    answers = answer(
        loaded,
        [(scene.draw(), PROMPT.format(scene.subject.tag, scene.object.tag)) for scene in scenes],
    )
    words = {"to the left of": "west of", "to the right of": "east of"}
    right = sum(words[scene.relation] in said for scene, said in zip(scenes, answers, strict=True))

    assert right >= 0.8 * len(scenes)


def test_greedy_answers_do_not_depend_on_the_checkpoints_generation_config(copied_base):
    rows = mixed_pictures()
    expected = answer(load_tiny(), rows)
    path = copied_base / "generation_config.json"
    own = json.loads(path.read_text())
    penalties = {"repetition_penalty": 1.8, "no_repeat_ngram_size": 2, "min_new_tokens": 12}
    path.write_text(json.dumps(own | penalties | {"temperature": 0.3, "do_sample": True}))
    assert answer(load_tiny(base=str(copied_base)), rows) == expected
    # For training it is left alone: there the answers differ.
    untouched = load_base(str(copied_base), image_mode="single", precision=CPU, training=True)
    untouched.model.eval()
    assert answer(untouched, rows) != expected


def test_loading_for_training_leaves_the_model_in_training_mode():
    assert load_base("tiny", image_mode="single", precision=CPU, training=True).model.training


@pytest.mark.parametrize(("gpu", "device_map"), [(None, None), (3, {"": 3})])
def test_training_below_zero_3_reads_the_weights_to_the_gpu(monkeypatch, gpu, device_map):
    given = []

    def load(*_, **options):
        given.append(options["device_map"])
        raise ValueError("stop here")

    monkeypatch.setattr("transformers.AutoModelForImageTextToText.from_pretrained", load)
    with pytest.raises(CheckpointError, match="stop here"):
        load_base("tiny", image_mode="single", precision=CPU, training=True, gpu=gpu)
    assert given == [device_map]


def test_bf16():
    loaded = load_base("tiny", image_mode="single", precision=choose_precision("cpu", "bf16"))

    assert loaded.model.dtype is torch.bfloat16


def test_unknown_image_mode():
    with pytest.raises(ConfigError, match="unknown image mode"):
        load_tiny("wide")


def test_weights_cut_off(copied_base):
    weights = copied_base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        load_tiny(base=str(copied_base))


def test_weights_lacking(copied_base):
    weights = load_file(copied_base / "model.safetensors")
    weights.pop(next(name for name in weights if "linear_1.weight" in name))
    save_file(weights, copied_base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks 1 weights .*linear_1"):
        load_tiny(base=str(copied_base))


def test_weights_of_another_shape(copied_base):
    weights = load_file(copied_base / "model.safetensors")
    name = next(name for name in weights if "linear_1.weight" in name)
    weights[name] = weights[name][:5].clone()
    save_file(weights, copied_base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        load_tiny(base=str(copied_base))


@pytest.mark.parametrize("name", ["tokenizer.json", "preprocessor_config.json"])
def test_files_lacking(copied_base, name):
    for file in (
        name,
        *(["processor_config.json"] if name.startswith("pre") else ["tokenizer_config.json"]),
    ):
        (copied_base / file).unlink()
    with pytest.raises(CheckpointError, match=r"cannot be read|knows the image token"):
        load_tiny(base=str(copied_base))


def test_image_token_that_the_tokenizer_does_not_know(copied_base):
    path = copied_base / "config.json"
    # An id of an ordinary piece of text, and the token of the config is never met.
    path.write_text(path.read_text().replace('"image_token_index": 4', '"image_token_index": 300'))
    with pytest.raises(CheckpointError, match=r"knows the image token \(id 300\)"):
        load_tiny(base=str(copied_base))


def test_adapter_changes_the_answers(adapter):
    rows = mixed_pictures()
    loaded = load_tiny()
    before = answer(loaded, rows)
    adapted = load_adapter(loaded, adapter)

    assert answer(adapted, rows) != before
    assert not adapted.model.training


def test_adapter_with_a_trained_projector(tmp_path):
    config = LoraConfig(r=4, target_modules=LORA_TARGETS, modules_to_save=["multi_modal_projector"])
    with without_peft_noise():
        trained = get_peft_model(load_tiny().model, config)
    torch.nn.init.ones_(trained.get_parameter(TRAINED_PROJECTOR))
    trained.save_pretrained(tmp_path)
    adapted = load_adapter(load_tiny(), tmp_path)

    assert adapted.model.get_parameter(TRAINED_PROJECTOR).eq(1).all()


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_adapter_file_missing(copied_adapter, name):
    (copied_adapter / name).unlink()
    with pytest.raises(CheckpointError, match=f"no adapter here: {name} is missing"):
        load_adapter(load_tiny(), copied_adapter)


def test_adapter_cut_off(copied_adapter):
    weights = copied_adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-50])
    with pytest.raises(CheckpointError, match="damaged or cut off"):
        load_adapter(load_tiny(), copied_adapter)


@pytest.mark.parametrize("change", ["left over", "lacking"])
def test_adapter_weights_that_do_not_match(copied_adapter, change):
    path = copied_adapter / "adapter_model.safetensors"
    weights = load_file(path)
    first = min(weights)
    if change == "lacking":
        del weights[first]
    else:
        weights[first.replace("layers.0", "layers.7")] = weights[first].clone()
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="does not fit the base model tiny"):
        load_adapter(load_tiny(), copied_adapter)


def test_adapter_of_a_wider_model(copied_adapter):
    path = copied_adapter / "adapter_model.safetensors"
    weights = {
        name: torch.zeros(2 * len(weight), weight.shape[1])
        for name, weight in load_file(path).items()
    }
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="does not fit the base model tiny"):
        load_adapter(load_tiny(), copied_adapter)
