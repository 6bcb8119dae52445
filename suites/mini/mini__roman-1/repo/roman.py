"""Roman numerals."""

NUMERALS = [
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (50, "L"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
]

LETTERS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def to_roman(number):
    """The numeral of a number from 1 to 3999."""
    if not 1 <= number <= 3999:
        raise ValueError("no Roman numeral for %d" % number)
    result = ""
    for value, letters in NUMERALS:
        while number >= value:
            result += letters
            number -= value
    return result


def from_roman(numeral):
    """The number that a numeral stands for."""
    total = 0
    for index, letter in enumerate(numeral):
        value = LETTERS[letter]
        following = numeral[index + 1:index + 2]
        if following and LETTERS[following] > value:
            total -= value
        else:
            total += value
    return total
