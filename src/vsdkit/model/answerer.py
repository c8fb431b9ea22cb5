"""A loaded model that answers rows: what is asked of it, in batches of rows or of images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vsdkit.conversation import Conversation, Template, fill
from vsdkit.data.images import ImageFile, open_image
from vsdkit.errors import DataError, TemplateError
from vsdkit.model.generation import MAX_NEW_TOKENS, Prompt, encode_question, generate, stop_id

if TYPE_CHECKING:
    from vsdkit.data.records import GoldRow
    from vsdkit.model.checkpoint import Loaded
    from vsdkit.model.families import PreparedImage
    from vsdkit.model.shared_image import Answer, Question

__all__ = ["Answerer", "ModelAnswer", "plan_row_batches"]


class ModelAnswer(NamedTuple):
    """What a model said to one row."""

    row: GoldRow
    """The row that was asked."""
    raw: str
    """All it said, without the stop token."""
    finished: bool
    """Whether it came to the stop token by itself."""


def plan_row_batches(
    rows: Sequence[GoldRow], tokens: Mapping[str, int], *, batch_size: int
) -> Iterator[list[GoldRow]]:
    """Yield the rows in batches of one task and of images about equally long.

    Args:
        rows: Any rows.
        tokens: Image name to the number of tokens it takes.
        batch_size: Rows a batch, at most.
    """
    for task in sorted({row.task for row in rows}):
        # Rows of one image stand together, so that it is opened and cut once for a batch.
        ordered = sorted(
            (row for row in rows if row.task == task),
            key=lambda row: (tokens[row.image], row.image),
        )
        for start in range(0, len(ordered), batch_size):
            yield ordered[start : start + batch_size]


@dataclass(frozen=True, slots=True)
class Answerer:
    """A loaded model that answers rows."""

    loaded: Loaded
    """The model, with its tokenizer and image preparer."""
    template: Template
    """What the questions are made with: the first of each task."""
    conversation: Conversation
    """What stands around a question."""

    def check(self, rows: Iterable[GoldRow], tokens: Mapping[str, int]) -> None:
        """Build every question once, so that a wrong one is named before the first is asked.

        Args:
            rows: All that will be asked.
            tokens: Image name to the number of tokens it takes.

        Raises:
            DataError: If a question and its answer do not fit into the model's positions, or the
                tags hold what stands for something else; the row is named.
        """
        longest = self.loaded.positions
        for row in rows:
            where = f"id {row.id!r}, task {row.task}"
            try:
                needed = len(self._encode(row, tokens[row.image])) + MAX_NEW_TOKENS[row.task]
            except (DataError, TemplateError) as error:
                raise DataError(
                    error.message, where=where, hint="say its subject and object in words"
                ) from error
            if needed > longest:
                raise DataError(
                    f"question and answer take up to {needed:,} tokens, the model has positions "
                    f"for {longest:,}",
                    where=where,
                    hint="shorten its subject and object",
                )

    def answer(self, rows: Sequence[GoldRow], images: Mapping[str, ImageFile]) -> list[ModelAnswer]:
        """Return the answers to rows of one task, in their order, each in a prompt of its own.

        Args:
            rows: All answered as one batch.
            images: Image name to its file.

        Raises:
            TemplateError: If the tokenizer does not know the conversation's stop token.
        """
        (task,) = {row.task for row in rows}
        prepared = {row.image: self.prepare(images[row.image]) for row in rows}
        prompts = [
            Prompt(self._encode(row, prepared[row.image].n_tokens), prepared[row.image])
            for row in rows
        ]
        generated = generate(
            self.loaded,
            prompts,
            stop=stop_id(self.loaded, self.conversation),
            max_new_tokens=MAX_NEW_TOKENS[task],
        )
        return [ModelAnswer(row, *one) for row, one in zip(rows, generated, strict=True)]

    def answer_images(
        self, asked: Sequence[tuple[PreparedImage, Sequence[Question]]]
    ) -> list[list[Answer]]:
        """Return the answers to the questions about each image, all as one batch.

        The image goes through the model once for all its questions where the family can do that,
        and else once for each.

        Raises:
            DataError: If a question holds a special token of the base.
            TemplateError: If it holds the image's mark or the stop token, or the tokenizer does
                not know the conversation's stop token.
        """
        from vsdkit.model.shared_image import AskedImage, answer_images

        if not self.loaded.family.shares_images:
            return self._answer_alone(asked)
        return answer_images(self.loaded, self.conversation, [AskedImage(*one) for one in asked])

    def answer_one_image(
        self, image: PreparedImage, questions: Sequence[Question], *, at_once: int
    ) -> list[Answer]:
        """Return the answers to any number of questions about one image.

        Args:
            image: It goes through the model once for all where the family can do that.
            questions: At least one.
            at_once: Questions that are answered at a time.

        Raises:
            DataError: See ``answer_images``.
            TemplateError: See ``answer_images``.
        """
        from vsdkit.model.shared_image import AskedImage, answer_one_image

        if self.loaded.family.shares_images:
            asked = AskedImage(image, questions)
            return answer_one_image(self.loaded, self.conversation, asked, at_once=at_once)
        parts = (questions[at : at + at_once] for at in range(0, len(questions), at_once))
        return [answer for part in parts for answer in self._answer_alone([(image, part)])[0]]

    def _answer_alone(
        self, asked: Sequence[tuple[PreparedImage, Sequence[Question]]]
    ) -> list[list[Answer]]:
        """Answer each question in a prompt of its own, those of one length together."""
        from vsdkit.model.shared_image import Answer

        stop = stop_id(self.loaded, self.conversation)
        answers: list[list[Answer]] = [[] for _ in asked]
        prompts: dict[int, list[tuple[int, int, Prompt]]] = {}
        for number, (image, questions) in enumerate(asked):
            answers[number] = [Answer("", False)] * len(questions)
            for place, question in enumerate(questions):
                ids = encode_question(
                    self.loaded, self.conversation, question.text, image_tokens=image.n_tokens
                )
                one = (number, place, Prompt(ids, image))
                prompts.setdefault(question.max_new_tokens, []).append(one)
        for length, own in prompts.items():
            said = generate(
                self.loaded, [prompt for *_, prompt in own], stop=stop, max_new_tokens=length
            )
            for (number, place, prompt), (text, finished) in zip(own, said, strict=True):
                answers[number][place] = Answer(text, finished, None, len(prompt.ids))
        return answers

    def question(self, row: GoldRow) -> Question:
        """Return what a row asks, by the template."""
        from vsdkit.model.shared_image import Question

        text = fill(self.template.questions[row.task][0], {"T1": row.subject, "T2": row.object})
        return Question(text, MAX_NEW_TOKENS[row.task])

    def prepare(self, image: ImageFile) -> PreparedImage:
        """Return an image as the model takes it.

        Raises:
            DataError: If it does not open.
        """
        return self.loaded.preparer.prepare(open_image(Path(image.path)))

    def _encode(self, row: GoldRow, image_tokens: int) -> list[int]:
        question = self.question(row).text
        return encode_question(self.loaded, self.conversation, question, image_tokens=image_tokens)
