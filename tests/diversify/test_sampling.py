"""One sampled token a row: of the right distribution, and of the row's own numbers."""

from __future__ import annotations

import torch

from vsdkit.diversify.sampling import RowSampler, sampling_processors, seed_of_row

IDS = torch.zeros((1, 1), dtype=torch.long)


def choose(logits: torch.Tensor, seeds: list[int], step: int = 0) -> list[int]:
    sampler = RowSampler(seeds, tokens=step + 1, prompt_width=3)
    ids = torch.zeros((len(seeds), 3 + step), dtype=torch.long)
    scores = sampler(ids, logits.expand(len(seeds), -1))
    assert (scores > -torch.inf).sum(-1).tolist() == [1] * len(seeds)
    return scores.argmax(-1).tolist()


def test_tokens_are_chosen_as_often_as_they_are_likely() -> None:
    shares = torch.tensor([[0.0, 0.5, 0.3, 0.0, 0.2]])
    chosen = choose(shares.log(), list(range(4000)))
    counts = [chosen.count(token) / 4000 for token in range(5)]
    assert (counts[0], counts[3]) == (0, 0)
    # Four standard deviations of a share of 0.5 among 4,000 are 0.032.
    assert all(abs(counts[token] - shares[0, token]) < 0.032 for token in (1, 2, 4))


def test_a_token_without_a_share_is_not_chosen_at_either_end() -> None:
    sampler = RowSampler([0, 1], tokens=1, prompt_width=1)
    sampler._numbers = torch.tensor([[0.0], [1 - 2**-53]], dtype=torch.float64)
    logits = torch.tensor([[-torch.inf, 1.0, 2.0, -torch.inf]]).expand(2, -1)
    assert sampler(IDS.expand(2, -1), logits).argmax(-1).tolist() == [1, 2]


def test_a_row_has_the_same_token_in_any_company() -> None:
    logits = torch.randn((1, 300), generator=torch.Generator().manual_seed(0))
    together = choose(logits, [5, 6, 7, 8])
    assert [choose(logits, [seed])[0] for seed in (5, 6, 7, 8)] == together
    assert choose(logits, [8, 5])[::-1] == [together[0], together[3]]


def test_every_step_has_a_number_of_its_own() -> None:
    logits = torch.zeros((1, 1000))
    steps = {choose(logits, [3], step)[0] for step in range(8)}
    assert len(steps) > 5


def test_a_seed_depends_on_seed_attempt_and_prompt() -> None:
    seeds = {seed_of_row(*one) for one in ((0, 1, "a"), (1, 0, "a"), (0, 2, "a"), (0, 1, "b"))}
    assert len(seeds) == 4
    # Of a fixed hash: another Python or machine gives the same.
    assert seed_of_row(0, 1, "a lamp") == 11_693_115_450_902_769_133


def test_the_tail_is_cut_before_the_choice() -> None:
    logits = torch.linspace(0, 20, 200)[None]
    sampler = RowSampler([0], tokens=1, prompt_width=1)
    processors = sampling_processors(sampler, temperature=0.7)
    seen = set()
    for number in (0.0, 0.25, 0.5, 0.75, 1 - 2**-53):
        sampler._numbers = torch.tensor([[number]], dtype=torch.float64)
        seen.add(int(processors(IDS, logits).argmax()))
    # The last 50 at most, and of those 95 % of the probability.
    assert min(seen) > 150
    assert max(seen) == 199
