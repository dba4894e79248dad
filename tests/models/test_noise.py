import torch

from pokegan.models.noise import normal_like, share_of_batch


def test_shares_of_a_batch_make_up_the_whole():
    torch.manual_seed(3)
    whole = normal_like(torch.empty(8, 2, 5))
    parts = []
    for rows in (slice(0, 2), slice(2, 5), slice(5, 8)):
        torch.manual_seed(3)
        with share_of_batch(rows, 8):
            parts.append(normal_like(torch.empty(rows.stop - rows.start, 2, 5)))
    assert torch.equal(torch.cat(parts), whole)


def test_a_share_ends_with_its_block():
    torch.manual_seed(3)
    before = normal_like(torch.empty(4))
    with share_of_batch(slice(4, 8), 8):
        pass
    torch.manual_seed(3)
    assert torch.equal(normal_like(torch.empty(4)), before)


def test_numbers_are_standard_normal_in_the_type_of_the_features():
    numbers = normal_like(torch.empty(100, 100, dtype=torch.float64))
    assert numbers.dtype == torch.float64
    assert abs(numbers.mean()) < 0.05
    assert abs(numbers.std() - 1) < 0.05
