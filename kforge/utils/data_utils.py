"""Data that arrives batch by batch: `Sequence`."""

__all__ = ["Sequence"]


class Sequence:
    """A data set that can be indexed by batch: `self[i]` is the i-th of `len(self)` batches.

    Subclasses give ``__getitem__`` (a complete batch, as ``fit`` takes it) and ``__len__``;
    `on_epoch_end` is called between epochs, to shuffle for instance. Objects of other classes
    with these methods and a true `use_sequence_api` attribute count as sequences too.
    """

    use_sequence_api = True

    def __getitem__(self, index):
        raise NotImplementedError

    def __len__(self):
        raise NotImplementedError

    def on_epoch_end(self):
        """Called when an epoch is over; does nothing unless overridden."""

    def __iter__(self):
        """The batches of one epoch, in order."""
        return (self[index] for index in range(len(self)))
