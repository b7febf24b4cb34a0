"""What a terminal is shown of answers, as they come; it knows no terminal, `write` gets the text.

An answer that only asks for an expansion is not for the user: it is held back until it is clear
that it is another one. So is a word that may become a secret: it is shown masked.
"""

from collections.abc import Callable

from ..ground.masks import Mask

_ASKING = "EXPAND"
THOUGHTS = "\n(these were thoughts; the answer is:)\n"


class AnswerDisplay:
    """Shows one answer after the other, each on lines of its own without blank ones around."""

    def __init__(self, write: Callable[[str], None], mask: Mask):
        self._write, self._mask = write, mask
        self.text = ""  # of the answer that is coming
        self.shown = False  # whether the last answer was shown
        self._done = 0  # characters of it that were written

    def add(self, text: str | None) -> None:
        """More of the answer; None when all before turned out to be thoughts."""
        if text is None:
            if self._done:
                self._write(THOUGHTS)
            self.text, self._done = "", 0
            return
        self.text += text
        beginning = self.text.lstrip().strip("`")[: len(_ASKING)]
        if not _ASKING.startswith(beginning):
            self._up_to(self._mask.find_safe(self.text, self._start()))

    def end(self, held: Callable[[str], bool], *, broken: bool = False) -> str:
        """The answer is over, or `broken` off; one that `held` knows is not shown. What was
        shown."""
        if self._done or not held(self.text):
            self._up_to(len(self.text), broken=broken)
        self.shown = self._done > 0
        if self.shown:
            self._write("\n")
        seen = self._mask.mask_piece(self.text, 0, self._done, cut=broken).strip()
        self.text, self._done = "", 0
        return seen

    def add_note(self, note: str) -> None:
        """A line under the answer that was shown."""
        self._write(note + "\n")

    def _start(self) -> int:
        return self._done or len(self.text) - len(self.text.lstrip())

    def _up_to(self, end: int, *, broken: bool = False) -> None:
        start, end = self._start(), len(self.text[:end].rstrip())
        if end > start:
            # before it is written: Ctrl-C may come right after, and it must not be written twice
            self._done = end
            self._write(self._mask.mask_piece(self.text, start, end, cut=broken))
