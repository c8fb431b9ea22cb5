"""A base of another family, from loading to answering, with one file, one YAML and one entry."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    TrainingArguments,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from vsdkit.conversation import load_conversation, load_template
from vsdkit.data.images import FoundImages, check_images, open_image
from vsdkit.data.jsonl import write_rows
from vsdkit.data.records import GoldRow, InstructionRow
from vsdkit.errors import CheckpointError, ConfigError
from vsdkit.finetune.examples import IGNORED, RowEncoder, TrainingRows, collate_rows
from vsdkit.finetune.order import Bundle, RowBatches
from vsdkit.finetune.plan import Plan, make_plan
from vsdkit.finetune.preflight import check_inputs, open_images
from vsdkit.finetune.tokens import RowCounter
from vsdkit.finetune.train import add_lora
from vsdkit.finetune.trainer import AdapterTrainer, save_adapter
from vsdkit.infer.model_choice import choose_model
from vsdkit.manifest import Manifest
from vsdkit.merge import merge
from vsdkit.model.answerer import Answerer
from vsdkit.model.bases import check_base
from vsdkit.model.checkpoint import Loaded, load_adapter, load_base
from vsdkit.model.families import FAMILIES
from vsdkit.model.precision import choose_precision
from vsdkit.model.run_folder import TrainedRun
from vsdkit.progress import SILENT
from vsdkit.settings.finetune import FinetuneSettings
from vsdkit.settings.infer import InferSettings

CPU = choose_precision("cpu")
SPECIALS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
SIZES = ((40, 48), (64, 32), (32, 32))
ROWS = 6


class Files(NamedTuple):
    """A tiny base, images and rows on disk."""

    base: Path
    conversation: Path
    settings: FinetuneSettings


def _make_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["The box is left of the ball. user assistant"], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )


def _write_base(folder: Path) -> Path:
    """Write a Qwen2.5-VL of a few thousand random weights, with all its files."""
    tokenizer = _make_tokenizer()
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIALS}
    torch.manual_seed(0)
    model = Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            text_config={
                "hidden_size": 32,
                "intermediate_size": 48,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "num_key_value_heads": 2,
                "vocab_size": len(tokenizer),
                "max_position_embeddings": 1024,
                "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2]},
                "bos_token_id": None,
                "eos_token_id": ids["<|im_end|>"],
            },
            vision_config={
                "depth": 2,
                "hidden_size": 32,
                "intermediate_size": 48,
                "num_heads": 2,
                "patch_size": 8,
                "window_size": 32,
                "out_hidden_size": 32,
                "fullatt_block_indexes": [1],
            },
            image_token_id=ids["<|image_pad|>"],
            video_token_id=ids["<|video_pad|>"],
            vision_start_token_id=ids["<|vision_start|>"],
            vision_end_token_id=ids["<|vision_end|>"],
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    Qwen2VLImageProcessorPil(patch_size=8, min_pixels=16 * 16, max_pixels=64 * 64).save_pretrained(
        folder
    )
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("qwen")
    base = _write_base(folder / "base")
    conversation = Path(__file__).with_name("chatml.yaml")
    images = folder / "images"
    images.mkdir()
    for number, size in enumerate(SIZES):
        Image.new("RGB", size, (80 * number, 120, 40)).save(images / f"{number}.png")
    rows = [
        InstructionRow(
            f"row-{number}",
            f"{number % 3}.png",
            2,
            f"Where is box {number}?",
            "The box is left of the ball." if number % 2 else "On it.",
        )
        for number in range(ROWS)
    ]
    write_rows(folder / "instructions.jsonl", [row.to_dict() for row in rows])
    settings = FinetuneSettings(
        instructions=folder / "instructions.jsonl",
        images=(images,),
        base=str(base),
        template="paper",
        conversation=str(conversation),
        # Two rows of the eight only pad: one micro-batch has nothing to learn from.
        global_batch_size=8,
        per_device_batch_size=2,
        max_steps=2,
        learning_rate=1e-2,
        lora_rank=4,
        lora_dropout=0.0,
        train_projector=True,
        gpus=1,
        image_mode="single",
        batching="rows",
    )
    return Files(base, conversation, settings)


@pytest.fixture(autouse=True)
def family(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Enter the family into the registry, as a line in ``families/__init__.py`` would."""
    path = Path(__file__).with_name("qwen2_5_vl.py")
    spec = importlib.util.spec_from_file_location("qwen2_5_vl", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "qwen2_5_vl", module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(FAMILIES, "qwen2_5_vl", module.Qwen25Vl())
    return FAMILIES["qwen2_5_vl"]


def _plan(files: Files) -> Plan:
    config = check_base(files.settings.base)
    return make_plan(files.settings, rows=ROWS, pictures=3, visible_gpus=0, config=config)


def _dataset(files: Files, loaded: Loaded) -> TrainingRows:
    inputs = check_inputs(files.settings, listener=SILENT)
    encoder = RowEncoder(
        loaded.tokenizer,
        inputs.conversation,
        image_id=loaded.image_id,
        longest=loaded.positions,
        source=files.settings.instructions,
    )
    images = check_images(inputs.images).files
    return TrainingRows(inputs.rows, files=images, encoder=encoder, preparer=loaded.preparer)


def _load(files: Files, *, training: bool = False) -> Loaded:
    return load_base(str(files.base), image_mode="single", precision=CPU, training=training)


def test_counted_tokens_are_those_of_the_model(files: Files) -> None:
    loaded = _load(files)
    for index, (width, height) in enumerate(SIZES):
        example = _dataset(files, loaded)[Bundle((index,))]
        patches = example.image.tensors["image_grid_thw"].prod()
        assert example.image.n_tokens == patches // 4 == (round(width / 16) * round(height / 16))
        assert example.rows[0].ids.count(loaded.image_id) == example.image.n_tokens


def test_labels_are_the_answer_and_its_stop_token(files: Files) -> None:
    loaded = _load(files)
    (row,) = _dataset(files, loaded)[Bundle((1,))].rows
    trained = [label for label in row.labels if label != IGNORED]
    assert loaded.tokenizer.decode(trained) == "The box is left of the ball.<|im_end|>"
    assert loaded.tokenizer.decode(row.ids).startswith(
        "<|im_start|>user\n<|vision_start|><|image_pad|>"
    )


def _mean_loss(loaded: Loaded, dataset: TrainingRows) -> float:
    """Return the loss of all rows, by hand: logits of all positions, one row at a time."""
    total, count = 0.0, 0
    with torch.no_grad():
        for index in range(len(dataset)):
            example = dataset[Bundle((index,))]
            batch = collate_rows([example], pad=0, preparer=loaded.preparer)
            labels = torch.tensor(example.rows[0].labels[1:])
            for name in ("logits_to_keep", "shift_labels", "rows_of_image"):
                del batch[name]
            logits = loaded.model(**batch).logits[0, :-1]
            total += functional.cross_entropy(logits, labels, reduction="sum").item()
            count += int((labels != IGNORED).sum())
    return total / count


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")
def test_it_trains_saves_loads_and_answers(files: Files, tmp_path: Path) -> None:
    plan, settings = _plan(files), files.settings
    loaded = _load(files, training=True)
    model = add_lora(loaded, settings, plan)
    assert plan.lora_modules == 2 * 7
    dataset = _dataset(files, loaded)
    before = _mean_loss(loaded, dataset)
    trainer = AdapterTrainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(tmp_path / "checkpoints"),
            per_device_train_batch_size=plan.per_device_batch_size,
            gradient_accumulation_steps=plan.accumulation,
            max_steps=plan.steps,
            learning_rate=settings.learning_rate,
            logging_steps=1,
            logging_nan_inf_filter=False,
            save_strategy="no",
            remove_unused_columns=False,
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        ),
        train_dataset=dataset,
    )
    batches = RowBatches(plan.division, rows=ROWS, rank=0, seed=settings.seed)
    trainer.set_up(plan, settings, loaded, batches)
    trainer.train()

    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    # Padding rows count for nothing: a step's loss is the mean over its trained tokens.
    assert losses[0] == pytest.approx(before, abs=1e-3)
    assert losses[1] < losses[0]
    groups = trainer.optimizer.param_groups
    projector = [weight for name, weight in model.named_parameters() if "visual.merger.m" in name]
    assert len(groups[1]["params"]) == len([w for w in projector if w.requires_grad]) > 0

    folder = tmp_path / "adapter"
    save_adapter(trainer.model, folder, sharded=False)
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
        stored = sum(file.get_tensor(name).numel() for name in file.keys())  # noqa: SIM118
    assert stored == plan.trainable_parameters
    adapted = load_adapter(_load(files), folder)
    trained = _mean_loss(adapted, _dataset(files, adapted))
    assert trained == pytest.approx(_mean_loss(loaded, dataset), abs=1e-5)
    assert trained < before - 0.1

    rows = [GoldRow("a", "0.png", 2, "box", "ball"), GoldRow("b", "1.png", 2, "ball", "long box")]
    said = _answer(adapted, files, rows)
    assert [one.row for one in said] == rows
    assert all(one.raw for one in said)
    # A batch padded on the left answers as one by one.
    assert [one.raw for one in said] == [_answer(adapted, files, [row])[0].raw for row in rows]
    merged = load_base(_merge(files, folder), image_mode="single", precision=CPU)
    assert _mean_loss(merged, _dataset(files, merged)) == pytest.approx(trained, abs=1e-5)
    assert _answer(merged, files, rows) == said


def _merge(files: Files, folder: Path) -> str:
    run = TrainedRun(
        folder=folder,
        base=str(files.base),
        image_mode="single",
        template=load_template("paper"),
        conversation=load_conversation(str(files.conversation)),
        training_images=frozenset(),
    )
    run.write(Manifest("finetune", settings={}), inputs=[])
    report = merge(run=folder)
    # This family's processor cuts images as the run did, and its template begins without BOS.
    assert report.serving[0].command
    assert report.same_ids
    return report.output


def _answer(loaded: Loaded, files: Files, rows: list[GoldRow]) -> list[Any]:
    settings = InferSettings(
        base=str(files.base), template="paper", conversation=str(files.conversation)
    )
    paths = {row.image: files.settings.images[0] / row.image for row in rows}
    images = check_images(FoundImages(paths)).files
    choice = choose_model(settings)
    answerer = Answerer(loaded, choice.template, choice.conversation)
    sizes = {name: open_image(path).size for name, path in paths.items()}
    tokens = {name: loaded.preparer.count_tokens((h, w)) for name, (w, h) in sizes.items()}
    answerer.check(rows, tokens)
    return answerer.answer(rows, images)


def test_a_dry_run_counts_its_tokens(files: Files) -> None:
    config = check_base(files.settings.base)
    inputs = check_inputs(files.settings, listener=SILENT)
    opened = open_images(files.settings, inputs)
    counter = RowCounter(
        files.settings,
        inputs.rows,
        files=opened.images.files,
        conversation=inputs.conversation,
        config=config,
    )
    assert not counter.assumptions
    counted = counter.count(listener=SILENT)
    assert sum(counted.image) == 2 * sum(round(w / 16) * round(h / 16) for w, h in SIZES)


def test_it_does_not_share_images_and_says_so(files: Files) -> None:
    settings = files.settings.model_copy(update={"batching": "pictures"})
    with pytest.raises(ConfigError, match=r"cannot share it with a Qwen2\.5-VL model") as caught:
        make_plan(settings, rows=6, pictures=3, visible_gpus=0, config=check_base(settings.base))
    assert caught.value.hint == "--batching rows"


def test_an_image_mode_that_it_does_not_know(files: Files) -> None:
    with pytest.raises(ConfigError, match=r"unknown image mode 'anyres' for a Qwen2\.5-VL model"):
        check_base(str(files.base), image_mode="anyres")


def test_without_its_line_it_is_refused(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(FAMILIES, "qwen2_5_vl")
    with pytest.raises(CheckpointError, match=r"not a LLaVA-NeXT model: .* of type 'qwen2_5_vl'"):
        check_base(str(files.base))
