"""Chapter 11, How many parameters: conventions read off a number, and what tools have counted."""

from __future__ import annotations

from itertools import product

from refnet.exercises.exercise import Arguments, Draw, Exercise, Mistake

CLASSES, KEPT = (1000, 1001), range(5)
V1_WEIGHTS, V1_CHANNELS, V1_FEATURES = 3_185_088, 10_944, 1024
V2_WEIGHTS, V2_CHANNELS, V2_FEATURES = 2_189_760, 17_056, 1280


def file_size(weights: int, channels: int, features: int, classes: int, kept: int) -> int:
    """Convolutions, `kept` numbers a channel, and the classifier with its biases."""
    return weights + kept * channels + (features + 1) * classes


def conventions_of(
    number: int, weights: int, channels: int, features: int
) -> tuple[tuple[int, int], ...]:
    """Every (classes, kept) that gives this count."""
    return tuple(
        (classes, kept)
        for classes, kept in product(CLASSES, KEPT)
        if file_size(weights, channels, features, classes, kept) == number
    )


def operations(D_K: int, M: int, N: int, D_G: int, bias: bool) -> tuple[int, int]:
    """Multiplications and additions of a standard convolution, all taps."""
    terms, outputs = D_K**2 * M, N * D_G**2
    return terms * outputs, (terms - 1 + bias) * outputs


def taps_on_the_map(D_F: int, D_K: int) -> int:
    """Pairs of a window's tap and a pixel, for stride 1 and an odd kernel with SAME padding."""
    reach = D_K // 2
    on_axis = sum(0 <= at + step < D_F for at in range(D_F) for step in range(-reach, reach + 1))
    return on_axis**2


def factors(figure: int, counts: tuple[int, ...]) -> tuple[int, ...]:
    """The first factors, each from 0 to 4, with which the counts add up to the figure."""
    for found in product(range(5), repeat=len(counts)):
        if sum(factor * count for factor, count in zip(found, counts, strict=True)) == figure:
            return found
    return ()


def _greedy(figure: int, counts: tuple[int, ...]) -> tuple[int, ...]:
    found = []
    for count in counts:
        found.append(min(4, figure // count))
        figure -= found[-1] * count
    return tuple(found) if figure == 0 else ()


def _last(figure: int, counts: tuple[int, ...]) -> tuple[int, ...]:
    found: tuple[int, ...] = ()
    for tried in product(range(5), repeat=len(counts)):
        if sum(factor * count for factor, count in zip(tried, counts, strict=True)) == figure:
            found = tried
    return found


def _at_most_once(figure: int, counts: tuple[int, ...]) -> tuple[int, ...]:
    for found in product(range(2), repeat=len(counts)):
        if sum(factor * count for factor, count in zip(found, counts, strict=True)) == figure:
            return found
    return ()


def _corners_twice(D_F: int, D_K: int) -> int:
    """All taps, less those off each of the four sides: the corners are taken off twice."""
    reach = D_K // 2
    off = sum(max(0, reach - at) for at in range(D_F))
    return D_K**2 * D_F**2 - 4 * off * D_F * D_K


def _sizes(draw: Draw) -> Arguments:
    return *(draw.integer(1, 99) for _ in range(3)), draw.integer(1, 20), draw.integer(0, 4)


def _number(draw: Draw) -> Arguments:
    weights, channels, features = (draw.integer(1, 99) for _ in range(3))
    classes, kept = draw.choice(*CLASSES), draw.integer(0, 4)
    odd = draw.choice(0, 0, 0, 1)
    return file_size(weights, channels, features, classes, kept) + odd, weights, channels, features


def _layer(draw: Draw) -> Arguments:
    return *(draw.integer(1, 7) for _ in range(4)), draw.choice(False, True)


def _sides(draw: Draw) -> Arguments:
    return draw.integer(1, 20), draw.choice(1, 3, 5, 7)


def _figure(draw: Draw) -> Arguments:
    counts = tuple(draw.integer(1, 99) for _ in range(draw.integer(1, 3)))
    figure = sum(draw.integer(0, 4) * count for count in counts) + draw.choice(0, 0, 0, 1)
    return figure, counts


V1 = (V1_WEIGHTS, V1_CHANNELS, V1_FEATURES)
V2 = (V2_WEIGHTS, V2_CHANNELS, V2_FEATURES)

EXERCISES = [
    Exercise(
        "11.1", "What is in the file",
        "A network's convolutions have `weights` weights and `channels` output channels, all of "
        "them together. Of each channel the file keeps `kept` numbers: one if batch norms are "
        "folded, up to four if they are not. Behind them a fully connected layer with biases "
        "makes `classes` classes of `features` means. Write `file_size(weights, channels, "
        "features, classes, kept)`: how many numbers are in the file?",
        file_size, _sizes,
        [(1, 1, 1, 1, 0), (9, 2, 3, 5, 4), (*V1, 1000, 1), (*V1, 1001, 4), (*V2, 1000, 2)],
        [
            Mistake("classifier without biases",
                    lambda weights, channels, features, classes, kept:
                    weights + kept * channels + features * classes,
                    "The fully connected layer has a bias for each class."),
            Mistake("one number a channel",
                    lambda weights, channels, features, classes, kept:
                    weights + channels + (features + 1) * classes,
                    "The file keeps `kept` numbers of each channel, not always one."),
            Mistake("numbers kept of the classes, too",
                    lambda weights, channels, features, classes, kept:
                    weights + kept * (channels + classes) + features * classes,
                    "No batch norm stands behind the fully connected layer: a class has one bias, "
                    "whatever is kept of a channel."),
        ],
        level="warm-up",
    ),
    Exercise(
        "11.2", "Whose number is this?",
        "Somebody tells you how many numbers are in the file of exercise 11.1, but not for how "
        "many classes, 1000 or 1001, nor how many are kept of a channel, 0 to 4. Write "
        "`conventions_of(number, weights, channels, features)`: it returns a tuple of all pairs "
        "(classes, kept) that give this number, those of 1000 classes first, and of these the one "
        "with the least kept. For V1's 3,185,088, 10,944 and 1024, the number 4,254,889 leaves "
        "one pair.",
        conventions_of, _number,
        [(file_size(5, 7, 3, 1001, 2), 5, 7, 3), (file_size(5, 4, 3, 1000, 2), 5, 4, 3),
         (4_254_889, *V1), (3_538_984, *V2), (4_222_058, *V1), (4_185_088, 1, 1, 1)],
        [
            Mistake("one pair alone",
                    lambda number, *sizes: conventions_of(number, *sizes)[:1],
                    "Two conventions may give the same number: return all of them."),
            Mistake("the pair, not a tuple of pairs",
                    lambda number, *sizes: next(iter(conventions_of(number, *sizes)), ()),
                    "You return a pair itself; a tuple of pairs is asked for, which may be "
                    "empty or hold more than one."),
            Mistake("kept before classes",
                    lambda number, *sizes: tuple(p[::-1] for p in conventions_of(number, *sizes)),
                    "In each pair the classes come first."),
            Mistake("classifier without biases",
                    lambda number, weights, channels, features: tuple(
                        (classes, kept) for classes, kept in product(CLASSES, KEPT)
                        if weights + kept * channels + features * classes == number),
                    "The fully connected layer has a bias for each class; it is in the number."),
        ],
    ),
    Exercise(
        "11.3", "Multiplications and additions",
        "Count the two apart. Write `operations(D_K, M, N, D_G, bias)` for a standard convolution "
        "of D_K × D_K from M to N channels that makes a map of D_G × D_G, all taps: it returns a "
        "tuple of two, the multiplications and the additions. A sum of two products takes one "
        "addition. `bias` is True if a bias is added to each sum.",
        operations, _layer,
        [(1, 1, 1, 1, False), (1, 1, 1, 1, True), (3, 3, 32, 7, False), (3, 3, 32, 7, True),
         (1, 4, 5, 2, False)],
        [
            Mistake("an addition too many",
                    lambda D_K, M, N, D_G, bias: (
                        operations(D_K, M, N, D_G, bias)[0],
                        operations(D_K, M, N, D_G, bias)[0] + bias * N * D_G**2),
                    "The first product of a sum is added to nothing: K products take K - 1 "
                    "additions, and a bias one more."),
            Mistake("bias forgotten",
                    lambda D_K, M, N, D_G, bias: operations(D_K, M, N, D_G, False),
                    "Where there is a bias, each sum takes one addition more."),
            Mistake("one bias a channel",
                    lambda D_K, M, N, D_G, bias: (
                        operations(D_K, M, N, D_G, False)[0],
                        operations(D_K, M, N, D_G, False)[1] + bias * N),
                    "There are N biases, but each is added in every place of the map."),
            Mistake("exchanged",
                    lambda *sizes: operations(*sizes)[::-1],
                    "The two are exchanged: the multiplications come first."),
        ],
    ),
    Exercise(
        "11.4", "Taps that meet the map",
        "One filter of D_K × D_K, an odd side, goes over a map of D_F × D_F with stride 1 and "
        "SAME padding. Write `taps_on_the_map(D_F, D_K)`: over all of its places, how many of its "
        "taps fall on the map, and not on the padding? A map of 4 × 4 and a kernel of 3 × 3 have "
        "100, of 144 in all. The map may be smaller than the kernel.",
        taps_on_the_map, _sides,
        [(1, 1), (4, 3), (1, 3), (2, 5), (7, 5), (112, 3)],
        [
            Mistake("all taps", lambda D_F, D_K: D_K**2 * D_F**2,
                    "Those are all taps; at the border some of them lie on the padding."),
            Mistake("corners taken off twice", _corners_twice,
                    "What you take off the rows and off the columns meets in the corners: count "
                    "rows and columns apart, and multiply."),
            Mistake("without padding", lambda D_F, D_K: D_K**2 * max(0, D_F - D_K + 1) ** 2,
                    "You count only the places where the whole filter lies on the map; at the "
                    "border a part of it does, too."),
        ],
    ),
    Exercise(
        "11.5", "What did the tool count?",
        "A tool prints a figure; your ledger has counts. Write `factors(figure, counts)`: it "
        "finds one whole number from 0 to 4 for each count such that the counts times these add "
        "up to the figure, and returns them as a tuple, or an empty one if there are none. Where "
        "several fit, it returns the first as dictionaries order words: with the smallest first "
        "factor, and of these with the smallest second one, and so on.",
        factors, _figure,
        [(7, (2, 3)), (12, (6, 4, 2)), (5, (2,)), (8, (4,)), (10, (6, 5)), (6, (3, 2, 1)),
         (314_193_216, (300_774_272, 6_678_112, 6_105_792, 62_720))],
        [
            Mistake("as many as fit", _greedy,
                    "You take as many of the first count as fit and go on with what is left. A "
                    "smaller factor may be the right one: try them all."),
            Mistake("the last that fits", _last,
                    "Where several fit, the first in order is asked for, and you return the last."),
            Mistake("each at most once", _at_most_once,
                    "A count may be taken more than once: the factors go from 0 to 4."),
        ],
        level="problem",
    ),
]  # fmt: skip
