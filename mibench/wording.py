"""Numbers and names as they stand in a sentence."""


def counted(number: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def with_article(name: str) -> str:
    """`an EstimatorSpec`, `a TaskSpec`."""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
