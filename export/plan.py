"""Everything that follows from checkpoints, device and recipe, before any work: shapes, graphs and names."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from export.chat.derive import chat_format
from export.chat.engine import EngineTemplate, engine_template
from export.chat.template import read_chat_template
from export.chat.turn_end import turn_end
from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.codes import Codes, scale_name
from export.checkpoint.hub import Absent, Located
from export.checkpoint.model_card import read_license
from export.checkpoint.names import tensor_name
from export.checkpoint.pairing import check_pairing
from export.checkpoint.sampling import Sampling, read_sampling
from export.choices.device import Device
from export.choices.prompts import Prompts
from export.choices.recipe import KEEPS_CODES, Recipe, Storage
from export.errors import UsageError
from export.modules.reads import drafter_reads
from runtime_spec.bundle.manifest import License, Tokens
from runtime_spec.chat.format import ChatFormat

PER_LAYER_TABLE = "embed_tokens_per_layer.weight"
PER_LAYER_SCALES = scale_name(PER_LAYER_TABLE)


@dataclass(frozen=True)
class Width:
    """The sizes of a graph that no checkpoint sets: `slots` is what its sliding layers read of the `capacity` slots of
    the cache."""

    tokens: int
    slots: int
    capacity: int


@dataclass(frozen=True)
class Chat:
    """What the bundle holds of the chat template: `format` for our runtimes, `engine` for LiteRT-LM. `source` is
    the file it came from and `text` what stands there, `turn_end` the token that it writes behind a reply."""

    format: ChatFormat
    engine: EngineTemplate
    source: str
    text: str
    turn_end: int | None


@dataclass(frozen=True)
class Plan:
    """What will be exported. `device` carries the user's context length and draft length already.

    `wanted_context` is the context that device or user asked for, before the model's own maximum cut it. `licenses`, by
    role, are those that model cards name."""

    target: Checkpoint
    drafter: Checkpoint | None
    device: Device
    recipe: Recipe
    prompts: Prompts
    chat: Chat | None
    wanted_context: int
    sampling: Sampling | None
    licenses: dict[str, License] = field(default_factory=dict)

    @property
    def capacity(self) -> int:
        return self.device.context_length

    def codes(self, checkpoint: Checkpoint, parameter: str) -> Codes | None:
        """Of a parameter whose codes are stored as the checkpoint has them; None where the recipe decides."""
        return checkpoint.tensors.codes(tensor_name(checkpoint, parameter)) if self.recipe.keep_codes else None

    def storage(self, checkpoint: Checkpoint, parameter: str, shape: tuple[int, ...]) -> Storage:
        """How the bundle holds a parameter of the traced modules, whose tensor has `shape`."""
        codes = self.codes(checkpoint, parameter)
        if codes:
            return Storage(codes.stored_bits)
        if parameter == PER_LAYER_SCALES:
            return Storage(32)
        return self.recipe.storage(("drafter." if checkpoint.role == "drafter" else "") + parameter, shape)

    @property
    def codes_found(self) -> dict[str, dict] | None:
        """What of the checkpoints is codes, by role, as JSON has it; None where nothing is."""
        coded = {one.role: one.codes.to_json() for one in (self.target, self.drafter) if one and one.codes}
        return coded or None

    @property
    def per_layer_scales(self) -> int:
        """Scales a row of the per-layer table, of codes that are kept; 1 for all else."""
        codes = self.target.config.per_layer_size and self.codes(self.target, PER_LAYER_TABLE)
        return codes.groups if codes else 1

    @property
    def draft_tokens(self) -> int:
        """Most drafts a round: the drafter's, or those that are looked up in the text."""
        return self.device.draft_tokens

    @property
    def tokens(self) -> Tokens:
        """The ids that a runtime must know. A reply stops at all that generation_config.json, config.json and the
        template name: a merged folder often lacks one of them."""
        files, end = self.target.tokenizer, self.chat and self.chat.turn_end
        stop = files.stop if end is None or end in files.stop else (*files.stop, end)
        return Tokens(files.bos, files.pad, stop)

    @property
    def warnings(self) -> list[str]:
        """What may be meant and is more often a mistake."""
        files, found = self.target.tokenizer, []
        ordinary = set(self.tokens.stop) - set(files.added.values())
        if ordinary:
            for id, piece in sorted(files.pieces_of(ordinary).items()):
                found.append(f"every reply ends at the first {piece!r}: stop token {id} is an ordinary piece")
        if self.chat and self.chat.turn_end is None:
            suffix = self.chat.format.model.suffix
            found.append(f"a reply may not end: what the template writes behind it, {suffix[:40]!r}, is no token")
        return found + self._adapter_warnings()

    def _adapter_warnings(self) -> list[str]:
        """Of files that lie beside an adapter, since it was trained with them, and that a merge leaves out."""
        if self.target.adapter is None:
            return []
        folder, found = self.target.adapter.folder, []
        template = read_chat_template(folder)
        if template is not None and self.chat and template.text != self.chat.text:
            action = "--chat-template takes it" if template.source.endswith(".jinja") else "give it as --chat-template"
            found.append(f"the adapter has a chat template of its own, which is not used: {template.source}; {action}")
        other = self.target.tokenizer.differs_in(folder)
        if other is not None:
            found.append(f"the adapter has a tokenizer of its own, which is not used: it has {other}")
        return found

    @property
    def engine_tokens(self) -> int:
        """How many tokens LiteRT-LM may hold: its verify pass, one token and the drafts, does not look where the cache
        ends, and there would be moved back over live slots. Without a drafter it makes none."""
        return self.capacity - (self.draft_tokens if self.drafter else 0)

    @property
    def verify_widths(self) -> tuple[int, ...]:
        """Widths of the verify passes that the bundle will have, ascending, decode's 1 not among them."""
        return tuple(w for w in self.device.all_verify_widths if w <= self.capacity)

    @property
    def draft_lengths(self) -> tuple[int, ...]:
        """Of the graphs that draft several tokens in one call, ascending: what fills a verify pass."""
        return tuple(width - 1 for width in self.verify_widths) if self.drafter else ()

    @property
    def checkpoints(self) -> dict[str, Located]:
        """What is read, by what it is to the export: target, drafter, adapter."""
        found = dict(zip(("target", "adapter"), self.target.sources, strict=False))
        return found | ({"drafter": self.drafter.located} if self.drafter else {})

    @property
    def absent(self) -> list[Absent]:
        """The weights that are on the hub still. The drafter's come first: they are few, and may be refused."""
        opened = [self.drafter] if self.drafter else []
        return [file for checkpoint in (*opened, self.target) for file in checkpoint.absent.values()]

    @property
    def num_parameters(self) -> int:
        """Of the target, towers included."""
        tensors = self.target.tensors
        return sum(math.prod(tensors.info(name).shape) for name in tensors.names())

    def width(self, tokens: int) -> Width:
        """The sizes of the target's graph over `tokens` tokens."""
        return Width(tokens, self.target.config.window_slots(tokens, self.capacity), self.capacity)

    @property
    def drafter_width(self) -> Width:
        """The sizes of the drafter's graph."""
        return Width(1, drafter_reads(self.drafter.config, self.capacity).window or self.capacity, self.capacity)

    def signature(self, width: int) -> str:
        """The name of the graph that scores `width` tokens; LiteRT-LM knows `decode` and `verify`."""
        if width == 1:
            return "decode"
        return "verify" if width == self.draft_tokens + 1 else f"verify_{width}"


@dataclass(frozen=True)
class Choices:
    """What a user asked for. `target` and `drafter` (None: a target alone) are folders or hub ids; so is `adapter`, a
    LoRA adapter that is merged into the target. `context` and `draft_tokens` are None where the device's own hold.
    `recipe` None is the one that keeps codes for checkpoints that hold some, else the device's.

    `chat_template` is a Jinja file in place of the checkpoint's; `use_chat` False leaves the template out."""

    target: str | Located
    drafter: str | Located | None
    device: Device
    recipe: Recipe | None
    prompts: Prompts = field(default_factory=Prompts.load)
    context: int | None = None
    draft_tokens: int | None = None
    chat_template: Path | None = None
    use_chat: bool = True
    adapter: str | Located | None = None


def make_plan(choices: Choices) -> Plan:
    """Opens and checks both checkpoints, renders the chat template. Raises CheckpointError, PairingError,
    ChatTemplateError or UsageError."""
    device = _chosen_device(choices)
    target = Checkpoint.open(choices.target, "target", choices.adapter)
    drafter = Checkpoint.open(choices.drafter, "drafter") if choices.drafter else None
    if drafter:
        check_pairing(target, drafter)
    capacity = _capacity(choices, device, target)
    lengths = tuple(n for n in device.prefill_lengths if n <= capacity)
    sized = replace(device, context_length=capacity, prefill_lengths=lengths)
    chat = _chat(choices, target)
    plan = Plan(
        target,
        drafter,
        sized,
        _chosen_recipe(choices, [target, drafter] if drafter else [target]),
        choices.prompts,
        chat,
        device.context_length,
        read_sampling(target.folder),
    )
    found = {role: read_license(located) for role, located in plan.checkpoints.items()}
    return replace(plan, licenses={role: license for role, license in found.items() if license})


def fetched(plan: Plan, choices: Choices, tell: Callable[[str, int, int], None]) -> Plan:
    """The plan of the same commits once all their weights are here, downloaded where they were not.

    `tell` is told (file, bytes here, bytes of all that is downloaded). Raises CheckpointError, OutputError, and what
    make_plan does of weights that could not be looked at before."""
    files = plan.absent
    if not files:
        return plan
    total, done = sum(file.size for file in files), 0
    for file in files:
        before = done
        name = f"{file.snapshot.repo} {file.file.name}"
        tell(name, before + file.size - file.missing_bytes, total)
        file.download(lambda here, name=name, before=before: tell(name, before + here, total))
        done += file.size
    located = plan.checkpoints
    chosen = {role: located[role] for role in ("target", "drafter") if role in located}
    return make_plan(replace(choices, **chosen, adapter=choices.adapter and located["adapter"]))


def _chosen_device(choices: Choices) -> Device:
    changes = {"draft_tokens": choices.draft_tokens, "context_length": choices.context}
    return replace(choices.device, **{key: value for key, value in changes.items() if value is not None})


def _chosen_recipe(choices: Choices, checkpoints: list[Checkpoint]) -> Recipe:
    """Raises UsageError for a recipe that would quantise codes once more, or keep those that there are not."""
    coded = next((checkpoint for checkpoint in checkpoints if checkpoint.codes), None)
    recipe = choices.recipe or Recipe.load(KEEPS_CODES if coded else choices.device.recipe)
    if coded and not recipe.keep_codes and not recipe.is_float:
        raise UsageError(
            f"Recipe {recipe.name} contradicts the checkpoint's own quantisation",
            expected=f"--recipe {KEEPS_CODES}, which a checkpoint with codes takes by itself; or float, which is exact",
            found=f"--recipe {recipe.name}, and codes of {_list(coded.codes.tensors)} bits in {coded.id}",
            where=str(coded.folder / "config.json"),
            action="Leave --recipe out to keep the codes; to quantise otherwise, name the 16-bit checkpoint.",
        )
    if recipe.keep_codes and not coded:
        raise UsageError(
            f"Recipe {recipe.name} is for checkpoints that hold codes",
            expected="a checkpoint whose config.json has a quantization_config of method gemma, or another recipe",
            found=f"--recipe {recipe.name}, and {' and '.join(one.id for one in checkpoints)} without codes",
            where=str(checkpoints[0].folder / "config.json"),
            action=f"Choose a recipe that quantises: leave --recipe out for {choices.device.recipe}.",
        )
    return recipe


def _list(values: Iterable[int]) -> str:
    return ", ".join(map(str, values))


def _capacity(choices: Choices, device: Device, target: Checkpoint) -> int:
    """The cache's slots: the device's, at most the model's. A context that the user named is never cut."""
    most = target.config.max_position_embeddings
    if choices.context is not None and choices.context > most:
        raise UsageError(
            f"The model's context is shorter than {choices.context}",
            expected=f"at most {most}, the model's max_position_embeddings",
            found=str(choices.context),
            where="--context",
            action=f"Name a context of up to {most}, or leave the option out.",
        )
    return min(device.context_length, most)


def _chat(choices: Choices, target: Checkpoint) -> Chat | None:
    if not choices.use_chat:
        return None
    template = read_chat_template(target.folder, choices.chat_template)
    if template is None:
        return None
    format = chat_format(template)
    end = turn_end(format, target.tokenizer.added)
    return Chat(format, engine_template(template, format), template.source, template.text, end)
