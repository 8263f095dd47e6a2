# SPDX-License-Identifier: Apache-2.0
"""Words as arrays of characters, faster to make and look up than strings."""

import numpy as np

# A key has 7 bits for each character, after a 1.
_KEY_BITS = 7
_KEY_CHARACTERS = 9


class WordArray:
  """A sequence of words.

  Attributes:
    codes: uint32, the code points of all words one after another.
    sizes: int64, the number of characters of each word.
  """

  def __init__(self, codes, sizes):
    self.codes = codes
    self.sizes = sizes

  @classmethod
  def of(cls, words):
    """Makes a WordArray of strings."""
    data = "".join(words).encode("utf-32-le", "surrogatepass")
    sizes = np.array(list(map(len, words)), np.int64)
    return cls(np.frombuffer(data, np.uint32), sizes)

  @classmethod
  def join(cls, arrays):
    """Returns the words of WordArrays one after another."""
    arrays = list(arrays)
    return cls(
      np.concatenate([words.codes for words in arrays]),
      np.concatenate([words.sizes for words in arrays]),
    )

  def __len__(self):
    return len(self.sizes)

  def rows(self, ends):
    """Cuts the words into WordArrays, as `rows` below does."""
    codes = rows(self.codes, np.append(0, np.cumsum(self.sizes))[ends])
    return list(map(WordArray, codes, rows(self.sizes, ends)))

  def strings(self, numbers=None):
    """Returns the words, or those with these numbers, as strings."""
    codes, sizes = self.codes, self.sizes
    if numbers is not None:
      begins = np.cumsum(sizes) - sizes
      sizes = sizes[numbers]
      codes = codes[ranges(begins[numbers], sizes)]
    text = codes.tobytes().decode("utf-32-le", "surrogatepass")
    return rows(text, np.cumsum(sizes))

  def keys(self):
    """Returns a uint64 per word, different for different words.

    It is 0 for words of more than 9 characters or with others than ASCII.
    """
    begins = np.cumsum(self.sizes) - self.sizes
    keys = np.ones(len(self), np.uint64)
    longer = np.arange(len(self))
    for place in range(_KEY_CHARACTERS):
      longer = longer[self.sizes[longer] > place]
      codes = self.codes[begins[longer] + place]
      keys[longer] = keys[longer] << np.uint64(_KEY_BITS) | codes
    keys[self.sizes > _KEY_CHARACTERS] = 0
    others = np.flatnonzero(self.codes >> _KEY_BITS)
    keys[np.searchsorted(begins, others, side="right") - 1] = 0
    return keys


def rows(values, ends):
  """Cuts a sequence into rows: "abcde", ends [2, 5] -> ["ab", "cde"]."""
  ends = np.asarray(ends).tolist()
  return [values[begin:end] for begin, end in zip([0] + ends, ends)]


def ranges(begins, sizes):
  """Concatenates ranges: begins [5, 0], sizes [2, 3] -> [5, 6, 0, 1, 2]."""
  ends = np.cumsum(sizes)
  return np.repeat(begins - (ends - sizes), sizes) + np.arange(sizes.sum())
