"""``vsdkit merge``: a run folder -> a folder of weights, tokenizer and chat template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdkit.manifest import Manifest, hash_file
from vsdkit.merge.folder import copy_files, find_complete, need_room, open_folder, write_weights
from vsdkit.merge.source import read_llava, read_run
from vsdkit.model.base_files import base_commit, commit_under, fetch_base
from vsdkit.model.bases import family_of
from vsdkit.model.llava_adapter import is_llava_adapter
from vsdkit.model.merged_folder import MERGE
from vsdkit.model.run_folder import ADAPTER_CONFIG, ADAPTER_WEIGHTS, RUN, TrainedRun, newest_run
from vsdkit.progress import SILENT, Listener
from vsdkit.reporting import Report, Table

if TYPE_CHECKING:
    from vsdkit.model.adapter_weights import AdapterWeights
    from vsdkit.model.families import Family
    from vsdkit.model.merging import MergedWeights
    from vsdkit.model.serving import Serving
    from vsdkit.model.stored_weights import LoadedNames
    from vsdkit.settings.merge import MergeSettings

__all__ = ["MergeReport", "merge"]

_PACKAGES = ("torch", "transformers", "peft", "safetensors", "huggingface_hub")


@dataclass(frozen=True, slots=True)
class MergeReport(Report):
    """What was merged, and how it is served."""

    output: str
    """Folder of the merged model."""
    run: str
    """The run folder."""
    base: str
    """The base model."""
    image_mode: str
    """``single`` or ``anyres``."""
    already: bool
    """Whether it was there already, made of the same."""
    tensors: int
    """Weights of the model."""
    added: int
    """Of them those that LoRA is added to."""
    replaced: int
    """Of them those that were trained as a whole, such as the projector's."""
    n_bytes: int
    """Size of the weights."""
    same_ids: bool
    """Whether the chat template gives a server the ids that the run was trained on."""
    serving: list[Serving]
    """How the merged model and the adapter are served, or why not."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        return asdict(self) | {"serving": [one._asdict() for one in self.serving]}

    def tables(self) -> list[Table]:
        """Return the counts of weights."""
        row = (self.tensors, self.added, self.replaced, f"{self.n_bytes / 1e9:.2f}")
        return [Table(("weights", "LoRA added", "replaced", "GB"), [row])]

    def notes(self) -> list[str]:
        """Return where the model is and how it is served."""
        done = "complete already" if self.already else f"merged from {self.run} and {self.base}"
        return [
            f"{self.output}: {done}",
            *(
                []
                if self.same_ids
                else [
                    "this tokenizer gives a server other ids than the run was trained on: the text "
                    "is the same, but what follows BOS is joined otherwise"
                ]
            ),
            *[one.line for one in self.serving],
            f"check it: vsdkit verify {self.run} --against {self.output}",
        ]


def merge(
    settings: MergeSettings,
    *,
    listener: Listener = SILENT,
    origins: Mapping[str, str] | None = None,
) -> MergeReport:
    """Write a run's base with its adapter added as a plain model of transformers.

    Args:
        settings: What to merge, and where to.
        listener: Who is told.
        origins: Where each setting came from, for run.json.

    Raises:
        CheckpointError: If run or base is missing, damaged, or they do not fit together.
        ConfigError: If something else is in the output's place.
        VsdkitError: If the disk has no room.
    """
    from vsdkit.model.adapter_weights import AdapterWeights
    from vsdkit.model.merging import MergedWeights
    from vsdkit.model.stored_weights import LoadedNames, StoredWeights

    manifest = Manifest(
        MERGE, settings=settings.model_dump(mode="json"), origins=origins, packages=_PACKAGES
    )
    folder = settings.run or newest_run()
    run = read_llava(settings, folder) if is_llava_adapter(folder) else read_run(settings, folder)
    output = settings.output or folder / "merged"
    base = settings.base or run.base
    names = LoadedNames.of(base, image_mode=run.image_mode)
    commit = commit_under(run, settings.base, listener=listener)
    source = fetch_base(base, commit=commit, listener=listener)
    identity = _identity(settings, run, base=base, source=source)
    already = find_complete(output, identity, overwrite=settings.overwrite)
    with StoredWeights.read(source) as stored, AdapterWeights.read(run.folder) as adapter:
        merged = MergedWeights.match(stored, adapter, names)
        chat = _Chat.of(run, source, names)
        if not already:
            need_room(output, stored.n_bytes)
            listener.message(f"merging {run.folder} into {base}: {output}")
            with open_folder(output) as part:
                copy_files(source, part, chat_template=chat.template, stop=chat.stop)
                write_weights(merged, part, listener)
                run.write_texts(part)
                _write_note(manifest, part, run, base=base, identity=identity, listener=listener)
        return MergeReport(
            output=str(output),
            run=str(run.folder),
            base=base,
            image_mode=run.image_mode,
            already=already,
            tensors=len(stored.tensors),
            added=len(merged.added),
            replaced=len(merged.replaced),
            n_bytes=stored.n_bytes,
            same_ids=chat.same_ids,
            serving=_serving(output, run, base, merged, family_of(names.model.config)),
        )


@dataclass(frozen=True, slots=True)
class _Chat:
    """What a chat server is told of a run."""

    template: str
    """The Jinja template."""
    stop: int
    """Id of the token that ends an answer."""
    same_ids: bool
    """Whether the template gives the ids that were trained on."""

    @classmethod
    def of(cls, run: TrainedRun, source: Path, names: LoadedNames) -> _Chat:
        from vsdkit.model.chat_template import gives_same_ids, make_chat_template
        from vsdkit.model.checkpoint import load_tokenizer

        config = names.model.config
        tokenizer = load_tokenizer(str(source), config)
        image_id = int(config.image_token_id)
        template = make_chat_template(run.conversation, tokenizer, image_id=image_id)
        return cls(
            template=template,
            # One token: training refuses a stop token that is several.
            stop=int(tokenizer.convert_tokens_to_ids(run.conversation.stop)),
            same_ids=gives_same_ids(template, run.conversation, tokenizer, image_id=image_id),
        )


def _identity(
    settings: MergeSettings, run: TrainedRun, *, base: str, source: Path
) -> dict[str, Any]:
    return settings.identity(
        run=run.hash_weights(),
        adapter_config=hash_file(run.folder / ADAPTER_CONFIG),
        base=base,
        base_files=base_commit(str(source)),
        image_mode=run.image_mode,
        template=run.template.text,
        conversation=run.conversation.text,
    )


def _write_note(
    manifest: Manifest,
    folder: Path,
    run: TrainedRun,
    *,
    base: str,
    identity: Mapping[str, Any],
    listener: Listener,
) -> None:
    """Write run.json, the last of the files, with the hash of each other."""
    paths = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    files = {}
    with listener.track("hash", total=len(paths)) as tracker:
        for path in paths:
            files[path.name] = hash_file(path)
            tracker.advance()
    manifest.write(
        folder / RUN,
        inputs=[run.folder / ADAPTER_CONFIG, run.folder / ADAPTER_WEIGHTS],
        run=str(run.folder),
        base=base,
        image_mode=run.image_mode,
        identity=identity,
        # By their names alone: this folder has another one while it is written.
        files=files,
        complete=True,
    )


def _serving(
    output: Path, run: TrainedRun, base: str, merged: MergedWeights, family: Family
) -> list[Serving]:
    from vsdkit.model.chat_template import CHAT_TEMPLATE
    from vsdkit.model.serving import serve_adapter, serve_merged

    adapter: AdapterWeights = merged.adapter
    return [
        serve_merged(output, family=family, image_mode=run.image_mode),
        serve_adapter(
            run.folder,
            base=base,
            family=family,
            image_mode=run.image_mode,
            rank=adapter.rank,
            projector_trained=bool(adapter.whole),
            chat_template=output / CHAT_TEMPLATE,
        ),
    ]
