"""Plays 2048 and records what shaders/envs/game_2048.wgsl must reproduce, draw for draw.

    python game_2048.py            writes game_2048.json beside this file
    python game_2048.py --check    plays again in memory and compares with the file on disk

The game is written here a second time, from its rules and in the plainest way: lists of numbers, one row at a time. It needs nothing but Python 3.
Its moves, scores, masks and ends agreed with Jumanji 1.1.2 on 20,000 boards and with whole games of Jumanji and of Pgx 2.6.0.

Draws are those of the WGSL, in its order: for each new tile the index of the empty cell, then the uniform number that makes it a 2 or a 4.
`masks` holds one number per step: bit a is set if action a was legal before that step.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from episodes import of_bits, text, write_or_check

PATH = Path(__file__).resolve().with_suffix(".json")
UP, RIGHT, DOWN, LEFT = range(4)
FOUR_PROBABILITY = 0.1
LARGEST = 15  # exponent of the largest tile, which merges no more
REWARD_UNIT = 1

Row = list[int]
Board = list[Row]  # exponents, 0 is empty; rows from the top
Policy = Callable[[Board, random.Random], int]


def slide_left(row: Row) -> tuple[Row, int]:
    """The row after a move to the left, and what its merges score."""
    tiles = [tile for tile in row if tile]
    slid: Row = []
    score = 0
    while tiles:
        tile = tiles.pop(0)
        if tiles and tiles[0] == tile and tile < LARGEST:
            tiles.pop(0)
            tile += 1
            score += 2**tile
        slid.append(tile)
    return slid + [0] * (len(row) - len(slid)), score


def transposed(board: Board) -> Board:
    return [list(column) for column in zip(*board)]


def mirrored(board: Board) -> Board:
    return [row[::-1] for row in board]


def slide(board: Board, action: int) -> tuple[Board, int]:
    """The board after a move and before a new tile, and what it scores."""
    there: dict[int, Callable[[Board], Board]] = {
        LEFT: lambda b: b,
        RIGHT: mirrored,
        UP: transposed,
        DOWN: lambda b: mirrored(transposed(b)),
    }
    back: dict[int, Callable[[Board], Board]] = {**there, DOWN: lambda b: transposed(mirrored(b))}
    rows = [slide_left(row) for row in there[action](board)]
    return back[action]([row for row, _ in rows]), sum(score for _, score in rows)


def legal(board: Board) -> list[bool]:
    return [slide(board, action)[0] != board for action in range(4)]


class Game:
    """A game that remembers the words of its draws."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        self.draws: list[int] = []
        self.fours = 0
        self.board: Board = [[0] * 4 for _ in range(4)]
        self.add_tile()
        self.add_tile()

    def add_tile(self) -> None:
        empty = [(r, c) for r in range(4) for c in range(4) if self.board[r][c] == 0]
        index = self.source.randrange(len(empty))
        # The uniform numbers that the WGSL draws: multiples of 2^-24, exact as float32. None lies at the threshold, where float32(0.1) and 0.1 differ.
        uniform = self.source.getrandbits(24) / 2**24
        assert abs(uniform - FOUR_PROBABILITY) > 1e-7
        is_four = uniform < FOUR_PROBABILITY
        self.fours += is_four
        r, c = empty[index]
        self.board[r][c] = 2 if is_four else 1
        self.draws += [index, bits(uniform)]

    def step(self, action: int) -> int:
        self.board, score = slide(self.board, action)
        self.add_tile()
        return score


def bits(value: float) -> int:
    return struct.unpack("<I", struct.pack("<f", value))[0]


def observation_hash(board: Board) -> int:
    """Of the observation: a one-hot of 16 for each cell."""
    return of_bits(exponent == tile for row in board for tile in row for exponent in range(16))


# ---------------------------------------------------------------------------------------------------------------------
# Policies
# ---------------------------------------------------------------------------------------------------------------------


def at_random(board: Board, source: random.Random) -> int:
    return source.choice([action for action in range(4) if legal(board)[action]])


def away_from(side: int) -> Policy:
    """Anywhere but to one side while that is possible: now and then nothing else is legal."""

    def policy(board: Board, source: random.Random) -> int:
        options = legal(board)
        corner = [(side + 2) % 4, (side + 1) % 4]
        source.shuffle(corner)
        return next(action for action in [*corner, (side + 3) % 4, side] if options[action])

    return policy


# What a tile is worth in a cell: large tiles along a snake from one corner.
SNAKE = [[15, 14, 13, 12], [8, 9, 10, 11], [7, 6, 5, 4], [3, 2, 1, 0]]


def worth(board: Board) -> float:
    placed = sum(2**tile * 2.0 ** (SNAKE[r][c] - 15) for r, row in enumerate(board) for c, tile in enumerate(row) if tile)
    return placed + 2.0 * sum(tile == 0 for row in board for tile in row)


def expected(board: Board, depth: int) -> float:
    """Mean worth over the 2s that may appear, each answered by the best of `depth` moves."""
    empty = [(r, c) for r in range(4) for c in range(4) if board[r][c] == 0]
    total = 0.0
    for r, c in empty:
        board[r][c] = 1
        total += best(board, depth)[0]
        board[r][c] = 0
    return total / len(empty)


def best(board: Board, depth: int) -> tuple[float, int]:
    options = [(action, *slide(board, action)) for action in range(4)]
    values = [(score + (expected(after, depth - 1) if depth > 1 else worth(after)), action) for action, after, score in options if after != board]
    return max(values, default=(-1000.0, UP))


def with_foresight(board: Board, source: random.Random) -> int:
    """Two moves ahead: reaches large tiles."""
    return best(board, 2)[1]


# With seeds; those of `away_from` were looked for, since a lone legal move is rare.
POLICIES: list[tuple[Policy, list[int]]] = [
    (at_random, [1, 2, 3, 4, 5, 6]),
    (away_from(UP), [76, 89]),
    (away_from(RIGHT), [20, 50]),
    (away_from(DOWN), [38, 68]),
    (away_from(LEFT), [10, 81]),
    (with_foresight, [1, 2]),
]


# ---------------------------------------------------------------------------------------------------------------------
# Recording
# ---------------------------------------------------------------------------------------------------------------------


class Coverage:
    """What the recorded games contain."""

    def __init__(self) -> None:
        self.steps = self.fours = self.largest = self.most_merges = 0
        self.actions: set[int] = set()
        self.masks: set[int] = set()
        self.seen: set[str] = set()

    def take(self, board: Board, action: int, after: Board, score: int) -> None:
        self.steps += 1
        self.actions.add(action)
        self.masks.add(mask(board))
        self.largest = max(self.largest, *(tile for row in after for tile in row))
        merges = sum(tile > 0 for row in board for tile in row) - sum(tile > 0 for row in after for tile in row)
        self.most_merges = max(self.most_merges, merges)
        sideways = {LEFT: board, RIGHT: mirrored(board), UP: transposed(board), DOWN: mirrored(transposed(board))}[action]
        for line in sideways:
            tiles = [tile for tile in line if tile]
            pairs = [a == b for a, b in zip(tiles, tiles[1:])]
            if pairs == [True, False, True]:
                self.seen.add("two merges in a line")
            if pairs == [True, True, True]:
                self.seen.add("four equal tiles")
            if len(tiles) == 3 and pairs == [True, True]:
                self.seen.add("three equal tiles")
            if len(tiles) > 2 and tiles[0] == tiles[1] == tiles[2] - 1:
                self.seen.add("a merged tile beside an equal one")
        if score == 0:
            self.seen.add("a move without a merge")
        if all(tile for row in board for tile in row):
            self.seen.add("a move on a full board")

    def check(self) -> None:
        assert self.steps > 4000, self.steps
        assert self.actions == {UP, RIGHT, DOWN, LEFT}
        assert self.masks == set(range(1, 16)), self.masks
        assert self.fours > 100, self.fours
        assert self.largest >= 10, self.largest
        assert self.most_merges >= 4, self.most_merges
        wanted = {"two merges in a line", "four equal tiles", "three equal tiles", "a merged tile beside an equal one"}
        wanted |= {"a move without a merge", "a move on a full board"}
        assert self.seen == wanted, wanted - self.seen


def mask(board: Board) -> int:
    return sum(1 << action for action in range(4) if legal(board)[action])


def play(seed: int, policy: Policy, coverage: Coverage) -> dict[str, Any]:
    game = Game(seed)
    choices = random.Random(seed + 1000)
    episode: dict[str, Any] = {"parameters": {}, "draws": game.draws, "reset_draws": len(game.draws)}
    steps: dict[str, list[int]] = {key: [] for key in ("actions", "draw_counts", "rewards", "terminated", "truncated", "masks")}
    observations = [observation_hash(game.board)]
    while any(legal(game.board)):
        before, drawn = game.board, len(game.draws)
        action = policy([row[:] for row in before], choices)
        steps["masks"].append(mask(before))
        score = game.step(action)
        coverage.take(before, action, slide(before, action)[0], score)
        steps["actions"].append(action)
        steps["draw_counts"].append(len(game.draws) - drawn)
        steps["rewards"].append(score // REWARD_UNIT)
        steps["terminated"].append(int(not any(legal(game.board))))
        steps["truncated"].append(0)
        observations.append(observation_hash(game.board))
    coverage.fours += game.fours
    return {**episode, **steps, "observations": observations}


def generate() -> str:
    coverage = Coverage()
    episodes = []
    for policy, seeds in POLICIES:
        episodes += [play(seed, policy, coverage) for seed in seeds]
    coverage.check()
    return text("2048", Path(__file__).name, episodes)


if __name__ == "__main__":
    write_or_check(__doc__, {PATH: generate()}, Path(__file__).name)
