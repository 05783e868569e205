"""The configuration of a run, validated and immutable, and the error messages for invalid ones.

``sections`` defines the groups of settings; ``rules`` says which settings cannot be combined.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from gan.catalogue import data_sets
from gan.catalogue.data_sets import DataSet
from gan.config import rules
from gan.config.data import DataConfig
from gan.config.families import FAMILIES, DcganConfig, Networks
from gan.config.fields import LONGEST, Section, Span
from gan.config.sections import AugmentationConfig, CadenceConfig, ObjectiveConfig, OptimizerConfig, TrainingConfig
from gan.errors import InputError, as_sentence, nearest, quoted, shown
from gan.words import lowered

SCHEMA_VERSION = 3
GRID = 8  # rows of a sample grid, and columns if they are not classes
_MOST_COLUMNS = 12
_KEPT = ("width", "conditional", "minibatch", "packing")  # network settings with the same meaning in every family


class RunConfig(Section):
    """All settings of a run; written once as ``config.json``."""

    schema_version: Literal[3] = 3
    preset: str = Field(default="", max_length=64)
    data: DataConfig = DataConfig()
    networks: Networks = DcganConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    cadence: CadenceConfig = CadenceConfig()

    @model_validator(mode="after")
    def fit_together(self) -> RunConfig:
        """Refuse combinations that cannot be trained. Reads nothing from the disk; :func:`require_data` checks the rest."""
        entry = data_sets.DATA_SETS.get(self.data.name)
        sentence = rules.refusal(self.data, self.networks, self.objective, self.optimizer, self.training)
        if sentence := sentence or (self._data_refusal(entry) if entry else ""):
            raise ValueError(sentence)
        return self

    def _data_refusal(self, entry: DataSet) -> str:
        return rules.data_refusal(entry, self.data, self.networks, self.augmentation, self.optimizer)

    @property
    def classes(self) -> int:
        """Number of classes that the networks are conditioned on; 0 if they are not class-conditional."""
        return len(self.data.entry.classes) if self.networks.conditional else 0

    @property
    def told(self) -> tuple[str, ...]:
        """Classes that conditional networks are trained on, in order; empty if the networks are not class-conditional."""
        names = self.data.entry.classes if self.networks.conditional else ()
        return tuple(name for name in names if not self.data.classes or name in self.data.classes)

    @property
    def columns(self) -> tuple[str, ...]:
        """Class of each column of a sample grid, as many as fit into one row; empty if the networks are not class-conditional."""
        count = len(self.told) if GRID < len(self.told) <= _MOST_COLUMNS else GRID
        return tuple(itertools.islice(itertools.cycle(self.told), count))

    @property
    def steps_per_epoch(self) -> int:
        """Generator steps in one pass over the real images; an incomplete last step is dropped."""
        return max(1, self.data.images // self.optimizer.images_per_step)

    @property
    def total_steps(self) -> int:
        """Generator steps in the whole training."""
        return self.training.length.in_steps(self.steps_per_epoch)


def setting_groups() -> dict[str, FieldInfo]:
    """Return the groups of settings of a :class:`RunConfig` by name, in form order."""
    return {name: info for name, info in RunConfig.model_fields.items() if name not in ("schema_version", "preset")}


def require_data(config: RunConfig, *, may_be_gone: bool = False) -> RunConfig:
    """Return ``config`` unchanged. Raises InputError if its data set is not on this machine or does not suit the other settings.

    Called before a launch: validation never reads the disk, so a machine without the data set can read the configuration.
    With ``may_be_gone``, a missing data set is accepted, e.g. to read the settings of an old run.
    """
    if may_be_gone and not data_sets.exists(config.data.name):
        return config
    if sentence := config._data_refusal(config.data.require()):
        raise InputError(as_sentence(sentence))
    return config


def require_length(config: RunConfig) -> RunConfig:
    """Return ``config`` unchanged. Raises InputError if its length is 0, which old runs may have, but nobody can launch."""
    if not config.training.length.count:
        raise InputError(f"training.length is {config.training.length}, so nothing would be trained; set it to at least 1.")
    return config


def parse(raw: Any, *, stored: bool = False) -> RunConfig:
    """Return the configuration in ``raw`` (parsed JSON). Raises InputError for the first mistake.

    A ``stored`` configuration may predate quick scores, early samples and older checkpoints; they are off unless it sets them.
    """
    if not isinstance(raw, dict):
        raise InputError("The configuration is not a JSON object; expected the format of a run's config.json.")
    version = raw.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise InputError(
            f"The configuration has schema version {version}, but this program knows versions up to "
            f"{SCHEMA_VERSION}; update the program to use it."
        )
    if version == 1:
        raw = _upgraded(raw)
    if version in (1, 2):
        raw = _with_old_conventions(raw)
    if stored and isinstance(cadence := raw.get("cadence"), dict):
        before = {"score_every": "0 epochs", "score_share": 0, "early_samples": False, "checkpoint_room": 0}
        raw = {**raw, "cadence": {**before, **cadence}}
    try:
        return RunConfig.model_validate(raw)
    except ValidationError as error:
        raise InputError(explain(error)) from None


def _upgraded(raw: dict[str, Any]) -> dict[str, Any]:
    """Convert a configuration from schema version 1 to 2: two settings changed their names and units."""
    raw = {**raw, "schema_version": 2}
    networks, optimizer = raw.get("networks"), raw.get("optimizer")
    if isinstance(networks, dict) and isinstance(has_norm := networks.get("batch_norm"), bool):
        kept = {key: value for key, value in networks.items() if key != "batch_norm"}
        raw["networks"] = {**kept, "generator_norm": "batch" if has_norm else "none"}
    if isinstance(optimizer, dict) and isinstance(decay := optimizer.get("ema_decay"), (int, float)) and 0 <= decay < 1:
        batch = optimizer.get("batch_size", 64)
        half_life = 0
        if decay and isinstance(batch, int):
            half_life = min(max(1, round(min(batch, LONGEST) * math.log(0.5) / math.log(decay))), LONGEST)
        kept = {key: value for key, value in optimizer.items() if key != "ema_decay"}
        raw["optimizer"] = {**kept, "ema_half_life": half_life}
    return raw


def _with_old_conventions(raw: dict[str, Any]) -> dict[str, Any]:
    """Convert a configuration from schema version 2 to 3: the Keras DCGAN now follows Keras, but older ones stay as they were."""
    raw, networks = {**raw, "schema_version": SCHEMA_VERSION}, raw.get("networks")
    if isinstance(networks, dict) and networks.get("family") == "keras-dcgan":
        raw["networks"] = {"conventions": "torch", **networks}
    return raw


def replace(config: RunConfig, changes: dict[str, Any]) -> RunConfig:
    """Return ``config`` with ``changes`` such as ``{"optimizer.batch_size": 32}`` applied, validating the result.

    Changing ``networks.family`` starts from the defaults of the new family and keeps settings with the same meaning in both.
    Raises InputError for unknown keys and bad values.
    """
    raw = config.model_dump(mode="json")
    family = changes.get("networks.family")
    if isinstance(family, str) and family in FAMILIES:
        raw["networks"] = _as_family(raw["networks"], family)
    for key, value in changes.items():
        section, _, field = key.partition(".")
        if section not in setting_groups() or not field or "." in field:
            known = [f"{name}.{field}" for name in setting_groups() for field in raw[name]]
            raise InputError(f"There is no setting “{shown(key)}”; " + nearest(key, known))
        raw[section][field] = value
    return parse(raw)


def _as_family(networks: dict[str, Any], family: str) -> dict[str, Any]:
    """Return network settings for ``family``: settings with the same meaning are kept, the others left at their defaults."""
    fields = FAMILIES[family].model_fields
    is_same = networks["family"] == family
    return {"family": family} | {key: value for key, value in networks.items() if is_same or (key in fields and key in _KEPT)}


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Return ``["optimizer.batch_size=32"]`` as a dictionary for :func:`replace`; values are JSON or plain text.

    Raises InputError for an argument that is not an assignment.
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise InputError(f"“{shown(assignment)}” is not a setting; expected section.field=value, e.g. optimizer.batch_size=32.")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = text.strip()
        changes[key.strip()] = value
    return changes


def assignments(start: RunConfig, config: RunConfig) -> list[str]:
    """Return the ``--set`` arguments that turn ``start`` into ``config``; neither data set has to be on this machine."""
    family = config.networks.family
    networks = FAMILIES[family].model_validate(_as_family(start.networks.model_dump(mode="json"), family))
    begun, wanted = flatten(start.model_copy(update={"networks": networks})), flatten(config)
    changes = {} if family == start.networks.family else {"networks.family": family}
    changes |= {key: value for key, value in wanted.items() if begun[key] != value}
    return [part for key, value in changes.items() for part in ("--set", f"{key}={as_text(value)}")]


def as_text(value: Any) -> str:
    """Return a value as text that :func:`parse_assignments` reads back."""
    is_plain = isinstance(value, str) and parse_assignments([f"x={value}"])["x"] == value  # a data set called “12” needs quotes
    return value if is_plain else json.dumps(value)


def explain(error: ValidationError) -> str:
    """Return one sentence for the first mistake in ``error``: what is wrong, what was expected, what to do."""
    first = error.errors()[0]
    where, family = _place(first["loc"])
    key = shown(".".join(where)) or "configuration"
    value = quoted(first.get("input"))
    kind, context = first["type"], first.get("ctx", {})
    if kind == "extra_forbidden":
        return _explain_unknown(where, family)
    if kind == "value_error":
        message = str(context.get("error", first["msg"])).rstrip(".")
        if message.split(" ", maxsplit=1)[0].partition(".")[0] not in setting_groups():
            return f"{key} is {value}: {message}; change it."
        return as_sentence(message)
    if kind == "literal_error":
        return f"{key} is {value}, expected one of {_unquoted(context['expected'])}; choose one of these."
    if kind == "union_tag_invalid":
        tag = quoted(context.get("tag"))
        return f"{key}.family is {tag}, expected one of {_unquoted(context['expected_tags'])}; choose one of these."
    if kind == "union_tag_not_found" and isinstance(first.get("input"), dict):
        return f"{key}.family is missing, expected one of {', '.join(FAMILIES)}; add it."
    if kind == "missing":
        return f"{key} is missing; add it."
    return f"{key} is {value}, expected {_expected(where, family, first)}; change it."


def _unquoted(choices: str) -> str:
    """Return a list of values without the quotes that pydantic puts around each."""
    return choices.replace("'", "")


def _place(loc: tuple[int | str, ...]) -> tuple[list[str], str]:
    """Return the keys that lead to a mistake, and the family of the networks if it is part of pydantic's ``loc``."""
    where, family = [str(part) for part in loc], ""
    if where[:1] == ["networks"] and len(where) > 1:
        family = where.pop(1)
    if _owner(where[:-1], family) is Span.model_fields and where[-1] in Span.model_fields:
        where.pop()  # a length is written as one text
    return where, family


def _explain_unknown(where: list[str], family: str) -> str:
    """Return the sentence for an unknown key: the most similar key, or the family of networks that has it."""
    key = ".".join(where)
    owners = [name for name, model in FAMILIES.items() if where == ["networks", where[-1]] and where[-1] in model.model_fields]
    if owners:
        change = f"remove it, or set networks.family to {owners[0]}"
        return f"The setting “{key}” belongs to {' and '.join(owners)}, but these networks are {family}; {change}."
    known = [".".join([*where[:-1], name]) for name in _owner(where[:-1], family)]
    return f"There is no setting “{shown(key)}”; " + (nearest(key, known) if known else "remove it.")


def _expected(where: list[str], family: str, first: Any) -> str:
    """Describe the values that the field at ``where`` accepts, based on its annotation and bounds."""
    info = _owner(where[:-1], family).get(where[-1]) if where else None
    if info is None:
        message: str = first["msg"]
        return message[:1].lower() + message[1:]
    return describe_range(info)


def describe_range(info: FieldInfo) -> str:
    """Describe the values that a field accepts, e.g. "a whole number from 2 to 4096 (images)"."""
    kind = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}.get(info.annotation, "")  # type: ignore[arg-type]
    if get_origin(info.annotation) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(info.annotation))
    if info.annotation is Span:
        return "something like “10 epochs” or “500 steps”, at most 100000000"
    if get_origin(info.annotation) is Union or (isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)):
        return "a group of settings"
    if info.annotation == tuple[str, ...]:
        return "names of classes, separated by commas"
    if get_origin(info.annotation) is tuple:
        return "any of " + ", ".join(choices_of(info)) + ", separated by commas"
    bounds = bounds_of(info)
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    words = ""
    if low is not None:
        words = f" above {low:g}" if "gt" in bounds else f" from {low}"
    if high is not None:
        words += f" and below {high:g}" if "lt" in bounds else f" to {high}"
    longest = next((limit for part in info.metadata if (limit := getattr(part, "max_length", None))), None)
    if longest is not None:
        words = f" of at most {longest} characters"
    unit = (info.json_schema_extra or {}).get("unit", "")  # type: ignore[union-attr]
    return f"{kind}{words}" + (f" ({unit})" if unit else "")


def choices_of(info: FieldInfo) -> list[str]:
    """Return the names that a multiple-choice field accepts; empty for any other field."""
    inner = get_args(info.annotation)[0] if get_origin(info.annotation) is tuple else None
    return list(get_args(inner)) if get_origin(inner) is Literal else []


def bounds_of(info: FieldInfo) -> dict[str, Any]:
    """Return the ``ge``, ``gt``, ``le`` and ``lt`` limits that a field has."""
    found = {}
    for constraint in info.metadata:
        for name in ("ge", "gt", "le", "lt"):
            if getattr(constraint, name, None) is not None:
                found[name] = getattr(constraint, name)
    return found


def _owner(where: list[str], family: str) -> dict[str, FieldInfo]:
    """Return the fields of the group at ``where``; under ``networks``, the fields of ``family``. Empty if it is not a group."""
    fields: dict[str, FieldInfo] = RunConfig.model_fields
    for part in where:
        model = FAMILIES.get(family) if part == "networks" else fields[part].annotation if part in fields else None
        fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
    return fields


def difference(configs: list[RunConfig]) -> list[str]:
    """Return the keys ("optimizer.batch_size") whose values differ between ``configs``."""
    return list(_difference(tuple(configs)))


@lru_cache(maxsize=64)
def _difference(configs: tuple[RunConfig, ...]) -> tuple[str, ...]:
    return tuple(difference_of([_flat(config) for config in configs]))


def difference_of(flat: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys whose values differ between flattened settings (see :func:`flatten`), in order of appearance."""
    keys = dict.fromkeys(key for one in flat for key in one)
    return [key for key in keys if len({json.dumps(one.get(key)) for one in flat}) > 1]


def flatten(config: RunConfig) -> dict[str, Any]:
    """Return all settings as ``{"optimizer.batch_size": 64, ...}``, in form order."""
    return dict(_flat(config))


@lru_cache(maxsize=1024)  # pages flatten the settings of the same runs again and again
def _flat(config: RunConfig) -> dict[str, Any]:
    raw = config.model_dump(mode="json")
    return {f"{name}.{field}": value for name in setting_groups() for field, value in raw[name].items()}


def title(key: str) -> str:
    """Return the title of the setting ``key`` ("networks.width"), whichever family of networks has it; an unknown key unchanged."""
    info = _field(key)
    return info.title or key if info else key


def _field(key: str) -> FieldInfo | None:
    """Return the field of the setting ``key``, of the first family of networks that has it; None for an unknown key."""
    section, _, field = key.partition(".")
    groups = [_owner([section], family) for family in (FAMILIES if section == "networks" else ("",))]
    return next((info for group in groups if (info := group.get(field))), None)


def coded(key: str, value: Any) -> str:
    """Return the value of a setting as names of runs tell it, e.g. "z 64", "lr_G 1e-4" or "s0"."""
    return _code(key).replace("{}", _coded_value(value))


@cache
def _code(key: str) -> str:
    info = _field(key)
    code = str((info.json_schema_extra or {}).get("code", "")) if info else ""  # type: ignore[union-attr]
    return code or f"{lowered(title(key))} {{}}"


def _coded_value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}" if not 0 < abs(value) < 1e-3 else f"{Decimal(f'{value:.6g}').normalize():e}"
    if isinstance(value, (list, tuple)):
        return "+".join(map(_coded_value, value)) or "none"
    return str(value)


def field_info(config: RunConfig, key: str) -> FieldInfo:
    """Return the field (title, help, bounds) for a key such as "optimizer.batch_size" in this configuration."""
    section, _, field = key.partition(".")
    return type(getattr(config, section)).model_fields[field]
