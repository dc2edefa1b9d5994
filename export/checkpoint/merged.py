"""A checkpoint's tensors with an adapter's changes, made as rows are read: every reader sees the merged model."""

from dataclasses import dataclass

from export.checkpoint.safetensors import DTYPES, TensorFile, TensorIndex


@dataclass(frozen=True)
class LowRank:
    """The names of an adapter's two factors for one weight, and what their product is multiplied by."""

    down: str
    up: str
    scaling: float


class MergedTensors(TensorIndex):
    """`base` with the products of `low_rank` added and the tensors of `replaced` in place of its own, by tensor name.

    Bits and dtype are those of PEFT's merge: the base's type, sums rounded to it. The product for one tensor is held
    while its rows are read (75 MB for E2B's largest): see `lora_delta` for why it is not made in blocks."""

    def __init__(self, base: TensorIndex, adapter: TensorIndex, low_rank: dict[str, LowRank], replaced: dict[str, str]):
        super().__init__([])
        self.files = list(dict.fromkeys([*base.files, *adapter.files]))
        self._places = base._places
        self._base, self._adapter, self._low_rank, self._replaced = base, adapter, low_rank, replaced
        self._delta: tuple[str, object] | None = None

    def joined(self, names: dict[str, str]) -> "MergedTensors":
        """The added names are the base's tensors, as they were before the merge."""
        return MergedTensors(self._base.joined(names), self._adapter, self._low_rank, self._replaced)

    def file_of(self, name: str) -> TensorFile:
        """The file to blame for a value: the adapter's where it changes the tensor."""
        if name in self._replaced:
            return self._adapter.file_of(self._replaced[name])
        return self._adapter.file_of(self._low_rank[name].up) if name in self._low_rank else super().file_of(name)

    def _fill(self, name: str, begin: int, view: memoryview) -> None:
        if name in self._replaced:
            self._fill_replaced(name, begin, view)
            return
        self._base._fill(name, begin, view)
        if name in self._low_rank:
            from export.floats import add

            self._base._require_finite(name, view, begin)
            info = self.info(name)
            end = begin + len(view) // info.row_bytes
            add(view, info.dtype, self._product(name)[begin:end])
            if end == info.shape[0]:
                self._delta = None

    def _fill_replaced(self, name: str, begin: int, view: memoryview) -> None:
        """PEFT copies what was trained into the base's own type."""
        stored, dtype = self._replaced[name], self.info(name).dtype
        own = self._adapter.info(stored).dtype
        if own == dtype:
            self._adapter._fill(stored, begin, view)
            return
        from export.floats import convert

        raw = memoryview(bytearray(len(view) // DTYPES[dtype] * DTYPES[own]))
        self._adapter._fill(stored, begin, raw)
        convert(raw, own, view, dtype)

    def _product(self, name: str):
        """float32[n, k], held until its last row is read or another tensor's is asked for."""
        if self._delta is None or self._delta[0] != name:
            from export.floats import lora_delta

            self._delta = None
            pair = self._low_rank[name]
            self._delta = name, lora_delta(self._adapter.read(pair.down), self._adapter.read(pair.up), pair.scaling)
        return self._delta[1]
