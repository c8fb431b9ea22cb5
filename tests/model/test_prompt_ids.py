import pytest

from vsdkit.data.spans import Span
from vsdkit.errors import DataError
from vsdkit.model.bases import tiny_base_path
from vsdkit.model.prompt_ids import encode

PROMPT = "A chat. USER: <image>\nWhere is the red ball? ASSISTANT:"
IMAGE = 4
"""Id of the tiny base's image token."""


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_base_path())


def test_picture_is_repeated_with_its_span(tokenizer):
    assert tokenizer.convert_tokens_to_ids("<image>") == IMAGE
    once = encode(tokenizer, PROMPT, image_id=IMAGE, image_tokens=1)
    many = encode(tokenizer, PROMPT, image_id=IMAGE, image_tokens=17)

    assert len(many.ids) == len(many.offsets) == len(once.ids) + 16
    at = many.ids.index(IMAGE)
    assert many.ids[at : at + 17] == [IMAGE] * 17
    start = PROMPT.index("<image>")
    assert set(many.offsets[at : at + 17]) == {(start, start + len("<image>"))}
    assert many.ids[:at] + many.ids[at + 16 :] == once.ids


def test_begins_with_one_bos(tokenizer):
    ids, offsets = encode(tokenizer, PROMPT, image_id=IMAGE, image_tokens=3)

    assert ids[0] == tokenizer.bos_token_id
    assert offsets[0] == (0, 0)
    assert ids.count(tokenizer.bos_token_id) == 1


@pytest.mark.parametrize(
    "answer", [" in", " to the left of", " a red ball is in a blue box.", " 12"]
)
def test_prompt_is_a_prefix_of_prompt_and_answer(tokenizer, answer):
    prompt = encode(tokenizer, PROMPT, image_id=IMAGE, image_tokens=4)
    whole = encode(tokenizer, f"{PROMPT}{answer}</s>", image_id=IMAGE, image_tokens=4)

    assert whole.ids[: len(prompt.ids)] == prompt.ids
    assert whole.offsets[len(prompt.ids)][0] == len(PROMPT)
    assert whole.ids[-1] == tokenizer.eos_token_id


def test_spans_cover_the_text(tokenizer):
    text = f"{PROMPT} the bowl (n° 42) çok güzel.</s>"
    _, offsets = encode(tokenizer, text, image_id=IMAGE, image_tokens=1)

    covered = {place for start, end in offsets for place in range(start, end)}
    assert covered == set(range(len(text)))


@pytest.mark.parametrize(("text", "count"), [("USER: hello", 0), ("<image> and <image>", 2)])
def test_one_picture_a_prompt(tokenizer, text, count):
    with pytest.raises(DataError, match=f"exactly one <image>, this one has {count}"):
        encode(tokenizer, text, image_id=IMAGE, image_tokens=5)


def test_a_picture_has_tokens(tokenizer):
    with pytest.raises(ValueError, match="at least 1"):
        encode(tokenizer, PROMPT, image_id=IMAGE, image_tokens=0)


@pytest.fixture(scope="module", params=["<|image_pad|>", "<i>"])
def other_token(request, tokenizer):
    """A tokenizer whose image token is longer or shorter than the mark, and its image id."""
    import copy

    own = copy.deepcopy(tokenizer)
    own.add_special_tokens({"extra_special_tokens": [request.param]})
    return own, own.convert_tokens_to_ids(request.param)


def test_spans_are_told_in_the_text_with_the_mark_whatever_the_token(tokenizer, other_token):
    own, image_id = other_token
    text = f"{PROMPT} the bowl (n° 42) çok güzel.</s>"
    expected = encode(tokenizer, text, image_id=IMAGE, image_tokens=3)
    found = encode(own, text, image_id=image_id, image_tokens=3)

    assert found.offsets == expected.offsets
    assert found.ids == [image_id if token == IMAGE else token for token in expected.ids]


def test_the_familys_own_image_token_in_a_question(other_token):
    own, image_id = other_token
    text = PROMPT.replace("ball", own.convert_ids_to_tokens(image_id))
    with pytest.raises(DataError, match="exactly one image, this one has 2"):
        encode(own, text, image_id=image_id, image_tokens=2)


def test_a_character_that_the_vocabulary_lacks_is_no_control_token() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<unk>": 0, "<image>": 1, "a": 2}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    own = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", extra_special_tokens=["<image>"]
    )
    text = "<image> a \u4e2d a"
    everything = [Span(len("<image>"), len(text))]
    encoded = encode(own, text, image_id=1, image_tokens=1, content=everything)
    assert encoded.ids == [1, 2, 0, 2]
    with pytest.raises(DataError, match="'<unk>' is a special token of this base model"):
        encode(own, f"{text} <unk>", image_id=1, image_tokens=1, content=[Span(8, 99)])
    # What the conversation format itself brings is not looked at.
    assert encode(own, f"{text} <unk>", image_id=1, image_tokens=1, content=everything).ids[-1] == 0
