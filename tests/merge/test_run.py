"""A merged folder is a plain model that answers as the adapter on its base does."""

from __future__ import annotations

import json
import shutil
import warnings
import weakref
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from vsdkit.conversation import load_conversation
from vsdkit.errors import CheckpointError, ConfigError, VsdkitError
from vsdkit.infer import infer
from vsdkit.merge import MergeReport, merge
from vsdkit.model.checkpoint import load_adapter, load_base
from vsdkit.model.generation import Prompt, collate_prompts, encode_question
from vsdkit.model.merging import MergedWeights
from vsdkit.model.precision import choose_precision
from vsdkit.model.run_folder import TrainedRun
from vsdkit.model.stored_weights import StoredWeights

MakeRun = Callable[..., Path]
CPU = choose_precision("cpu")
VICUNA = load_conversation("vicuna_v1")
FILES = {
    "chat_template.jinja",
    "config.json",
    "conversation.yaml",
    "generation_config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "processor_config.json",
    "run.json",
    "template.yaml",
    "tokenizer.json",
    "tokenizer_config.json",
    "training_images.txt",
}


@pytest.fixture(scope="module")
def run(make_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "one", projector=True)


@pytest.fixture(scope="module")
def done(run: Path) -> MergeReport:
    return merge(run=run)


@pytest.fixture(scope="module")
def merged(done: MergeReport) -> Path:
    return Path(done.output)


def _batch(base: Path | str, image_mode: str = "anyres") -> tuple[Any, dict[str, Any]]:
    loaded = load_base(str(base), image_mode=image_mode, precision=CPU)
    image = loaded.preparer.prepare(Image.new("RGB", (70, 40), (214, 40, 40)))
    ids = encode_question(loaded, VICUNA, "Where is it?", image_tokens=image.n_tokens)
    return loaded, collate_prompts(loaded, [Prompt(ids, image)], pad=2)


def _logits(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = model(**batch).logits
    return logits


def test_plain_transformers_and_plain_peft_give_the_same_logits(
    run: Path, merged: Path, fp32_base: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText

    _, batch = _batch(fp32_base)
    base = AutoModelForImageTextToText.from_pretrained(fp32_base).eval()
    bare = _logits(base, batch)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing")
        adapted = _logits(PeftModel.from_pretrained(base, run).eval(), batch)
    plain, info = AutoModelForImageTextToText.from_pretrained(merged, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    torch.testing.assert_close(_logits(plain.eval(), batch), adapted, rtol=1e-5, atol=1e-5)
    assert (bare - adapted).abs().max() > 0.1, "the adapter makes a difference"


def test_the_folder_holds_what_a_model_folder_holds(
    run: Path, merged: Path, done: MergeReport, fp32_base: Path
) -> None:
    assert {path.name for path in merged.iterdir()} == FILES
    assert {path.name for path in run.iterdir() if path.name.startswith(".")} == set()
    assert (done.tensors, done.added, done.replaced, done.already) == (90, 21, 4, False)
    assert done.same_ids
    # Names, order of names and number formats are the base's.
    for folder in (merged, fp32_base):
        with StoredWeights.read(folder) as stored:
            assert len(stored.tensors) == 90
            assert stored.dtype == "F32"
    assert set(StoredWeights.read(merged).tensors) == set(StoredWeights.read(fp32_base).tensors)
    note = json.loads((merged / "run.json").read_text())
    assert (note["command"], note["complete"], note["image_mode"]) == ("merge", True, "anyres")
    assert set(note["files"]) == FILES - {"run.json"}


def test_a_processor_renders_and_prepares_as_it_was_trained(merged: Path, run: Path) -> None:
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(merged)
    content: list[dict[str, Any]] = [{"type": "image"}, {"type": "text", "text": "Where is it?"}]
    messages = [{"role": "user", "content": content}]
    text = processor.apply_chat_template(messages, add_generation_prompt=True)
    assert text == "<s>" + TrainedRun.read(run).conversation.render("Where is it?").text
    loaded, batch = _batch(merged)
    picture = Image.new("RGB", (70, 40), (214, 40, 40))
    content[0]["image"] = picture
    made = processor.apply_chat_template(
        messages,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        add_generation_prompt=True,
    )
    # One BOS, though the text begins with it and the tokenizer adds one to other texts.
    assert made["input_ids"].tolist() == batch["input_ids"].tolist()
    torch.testing.assert_close(made["pixel_values"], batch["pixel_values"])
    assert loaded.tokenizer.chat_template is not None


def test_a_merge_into_16_bits_stays_in_16_bits(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    report = merge(run=run, base="tiny", output=tmp_path / "half")
    tensors = load_file(tmp_path / "half" / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert report.base == "tiny"
    assert json.loads((tmp_path / "half" / "config.json").read_text())["dtype"] == "float16"


def test_one_tile_keeps_the_image_grid_and_infer_knows_its_mode(
    make_run: MakeRun, tmp_path: Path, fp32_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", image_mode="single")
    report = merge(run=run)
    folder = Path(report.output)
    grid = json.loads((folder / "config.json").read_text())["image_grid_pinpoints"]
    assert grid == json.loads((fp32_base / "config.json").read_text())["image_grid_pinpoints"]
    assert grid != [[0, 0]]
    assert [one.command for one in report.serving] == ["", ""]
    assert "image mode single has no counterpart there" in report.notes()[1]
    monkeypatch.setattr("vsdkit.model.answerer.MAX_NEW_TOKENS", {1: 4, 2: 4, 3: 4})
    Image.new("RGB", (60, 40), (200, 30, 30)).save(tmp_path / "0.png")
    (tmp_path / "items.csv").write_text("image,subject,object\n0.png,cup,desk\n")
    asked = {"items": tmp_path / "items.csv", "images": [tmp_path]}
    by_adapter = infer(**asked, adapter=run, output=tmp_path / "a.jsonl")
    by_merged = infer(**asked, base=str(folder), output=tmp_path / "b.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert by_merged.seen_in_training == by_adapter.seen_in_training == {"pictures": 1, "seen": 1}
    note = json.loads((tmp_path / "b.jsonl.run.json").read_text())
    assert note["image_mode"] == "single"


def test_infer_refuses_another_form_of_question(merged: Path, tmp_path: Path) -> None:
    Image.new("RGB", (60, 40)).save(tmp_path / "0.png")
    (tmp_path / "items.csv").write_text("image,subject,object\n0.png,cup,desk\n")
    with pytest.raises(ConfigError, match="merged model was trained with image mode 'anyres'"):
        infer(
            items=tmp_path / "items.csv",
            images=[tmp_path],
            base=str(merged),
            image_mode="single",
            output=tmp_path / "preds.jsonl",
        )


def test_again_it_is_complete_already(run: Path, merged: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in merged.iterdir()}
    report = merge(run=run)
    assert report.already
    assert report.notes()[0].endswith("complete already")
    assert {path.name: path.stat().st_mtime_ns for path in merged.iterdir()} == before


def test_another_model_in_the_way(make_run: MakeRun, run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", r=2)
    output = tmp_path / "merged"
    merge(run=other, output=output)
    with pytest.raises(ConfigError, match=r"made otherwise: run was .*; adapter_config was"):
        merge(run=run, output=output)
    assert not merge(run=run, output=output, overwrite=True).already
    assert merge(run=run, output=output).already
    (output / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"model\.safetensors is missing of what was merged"):
        merge(run=run, output=output)
    assert {path.name for path in tmp_path.iterdir()} == {"other", "merged"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_was_not_merged_here_is_never_written_over(
    run: Path, tmp_path: Path, overwrite: bool
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="something else is in the way"):
        merge(run=run, output=tmp_path, overwrite=overwrite)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_disk_without_room(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10, 9, 1))
    with pytest.raises(VsdkitError, match=r"takes 0\.0 GB, 0\.0 GB are free"):
        merge(run=run, output=tmp_path / "new" / "merged")
    assert not (tmp_path / "new").exists()


def test_a_merge_that_breaks_off_leaves_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(VsdkitError, match="cannot write: No space left on device"):
        merge(run=run, output=tmp_path / "merged")
    assert list(tmp_path.iterdir()) == []


def test_a_merge_that_is_interrupted_leaves_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("safetensors.torch.save_file", interrupt)
    with pytest.raises(KeyboardInterrupt):
        merge(run=run, output=tmp_path / "merged")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_merge_left_is_no_part_of_the_next(run: Path, tmp_path: Path) -> None:
    part = tmp_path / ".merged.part"
    part.mkdir()
    (part / "model-00001-of-00009.safetensors").write_bytes(b"half")
    merge(run=run, output=tmp_path / "merged")
    assert {path.name for path in (tmp_path / "merged").iterdir()} == FILES
    assert {path.name for path in tmp_path.iterdir()} == {"merged"}


def test_two_merges_at_once(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner: list[ConfigError] = []

    def again(*_: object, **__: object) -> None:
        monkeypatch.undo()
        with pytest.raises(ConfigError, match="another process is merging") as caught:
            merge(run=run, output=tmp_path / "merged")
        inner.append(caught.value)

    monkeypatch.setattr("vsdkit.merge.run.copy_files", again)
    merge(run=run, output=tmp_path / "merged")
    assert len(inner) == 1
    assert (tmp_path / "merged" / "model.safetensors").is_file()


def test_shards_hold_the_same_and_only_one_is_in_memory(
    run: Path, merged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted by the tensors that live: the process's memory says nothing of mapped files."""
    limit = 400_000
    monkeypatch.setattr("vsdkit.merge.folder.SHARD_BYTES", limit)
    alive: dict[int, int] = {}
    most = [0]
    reads: list[str] = []
    load, load_merged = StoredWeights.load, MergedWeights.load

    def watch(tensor: torch.Tensor) -> torch.Tensor:
        alive[id(tensor)] = tensor.numel() * tensor.element_size()
        weakref.finalize(tensor, alive.pop, id(tensor), None)
        most[0] = max(most[0], sum(alive.values()))
        return tensor

    def loading(self: StoredWeights, name: str) -> torch.Tensor:
        reads.append(name)
        return watch(load(self, name))

    monkeypatch.setattr(StoredWeights, "load", loading)
    monkeypatch.setattr(MergedWeights, "load", lambda self, name: watch(load_merged(self, name)))
    output = tmp_path / "shards"
    report = merge(run=run, output=output)
    shards = sorted(output.glob("model-*.safetensors"))
    assert len(shards) > 8
    # A shard, and of one layer its base, its matrices and its sum.
    largest = max(one.n_bytes for one in StoredWeights.read(merged).tensors.values())
    assert most[0] <= max(limit, largest) + 3 * largest
    assert report.n_bytes > 2.5 * most[0]
    # Each tensor of the base is read once, those of the adapter too.
    assert len(reads) == len(set(reads)) == 90 + 2 * 21 + 4
    with StoredWeights.read(output) as one, StoredWeights.read(merged) as two:
        assert set(one.tensors) == set(two.tensors)
        assert all(torch.equal(load(one, name), load(two, name)) for name in one.tensors)
    monkeypatch.undo()
    _, batch = _batch(output)
    plain, sharded = (_logits(_batch(folder)[0].model, batch) for folder in (merged, output))
    assert torch.equal(plain, sharded)


def test_a_base_in_shards_merges_too(run: Path, merged: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(json.loads((run / "run.json").read_text())["base"], base)
    tensors = load_file(base / "model.safetensors")
    (base / "model.safetensors").unlink()
    halves = (dict(list(tensors.items())[:40]), dict(list(tensors.items())[40:]))
    files = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    for file, half in zip(files, halves, strict=True):
        save_file(half, base / file, metadata={"format": "pt"})
    weight_map = {name: file for file, half in zip(files, halves, strict=True) for name in half}
    index = {"metadata": {}, "weight_map": weight_map}
    (base / "model.safetensors.index.json").write_text(json.dumps(index))
    merge(run=run, base=str(base), output=tmp_path / "out")
    found = load_file(tmp_path / "out" / "model.safetensors")
    expected = load_file(merged / "model.safetensors")
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert not (tmp_path / "out" / "model.safetensors.index.json").exists()


def test_an_adapter_of_another_base(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    weights = run / "adapter_model.safetensors"
    tensors = load_file(weights)
    layer = "model.language_model.layers.{}.mlp.up_proj.lora_{}.weight"
    for half in "AB":
        key = "base_model.model." + layer
        tensors[key.format(99, half)] = tensors.pop(key.format(2, half))
    save_file(tensors, weights)
    with pytest.raises(CheckpointError, match=r"0 weights named .*layers\.99\.mlp") as caught:
        merge(run=run, output=tmp_path / "merged")
    assert "--base" in caught.value.hint
    assert not (tmp_path / "merged").exists()


def test_the_bases_own_defaults_do_not_reach_the_answers(
    make_run: MakeRun, tmp_path: Path, fp32_base: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(fp32_base, base)
    own = {"repetition_penalty": 1.05, "do_sample": True, "eos_token_id": 7, "pad_token_id": 3}
    (base / "generation_config.json").write_text(json.dumps(own))
    (base / "chat_template.json").write_text('{"chat_template": "old"}')
    config = json.loads((base / "tokenizer_config.json").read_text())
    (base / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": "old"}))
    run = make_run(tmp_path / "run")
    merge(run=run, base=str(base), output=tmp_path / "merged")
    found = json.loads((tmp_path / "merged" / "generation_config.json").read_text())
    # The stop token of the conversation, </s>, ends an answer whatever the base says.
    assert found == {"eos_token_id": [2, 7], "pad_token_id": 3}
    assert not (tmp_path / "merged" / "chat_template.json").exists()
    assert json.loads((tmp_path / "merged" / "tokenizer_config.json").read_text()) == config


def test_a_bar_counts_the_tensors(run: Path, tmp_path: Path) -> None:
    bars: dict[str, list[int]] = {}

    class Recorder:
        def message(self, text: str) -> None: ...

        @contextmanager
        def track(self, description: str, *, total: int | None) -> Any:
            steps = bars.setdefault(description, [total or 0, 0])

            class Tracker:
                def advance(self, count: int = 1, **facts: Any) -> None:
                    steps[1] += count

            yield Tracker()

    merge(run=run, output=tmp_path / "merged", listener=Recorder())
    assert bars["merge"] == [90, 90]


def test_a_merged_model_is_no_adapter(merged: Path, run: Path) -> None:
    loaded = load_base(str(merged), image_mode="anyres", precision=CPU)
    with pytest.raises(CheckpointError, match="no adapter here"):
        load_adapter(loaded, merged)
    with pytest.raises(CheckpointError, match="no adapter here"):
        merge(run=merged)
