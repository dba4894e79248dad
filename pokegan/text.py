"""Numbers and tables as text."""

from collections.abc import Collection, Sequence


def align(cells: Sequence[Sequence[str]], to_the_right: Collection[int]) -> str:
    """Lines of cells as text in columns, two spaces apart.

    Args:
        cells: the lines, all of one length.
        to_the_right: which columns are aligned to the right.
    """
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for line in cells:
        aligned = [
            text.rjust(width) if index in to_the_right else text.ljust(width)
            for index, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines)


def three_digits(value: float) -> str:
    """A number with the three digits that count, or all before the point where these are more."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
