"""What a run is asked to do: its configuration, the rules it obeys, and named presets."""

from gan.config.whole import (
    GRID,
    SCHEMA_VERSION,
    RunConfig,
    assignments,
    bounds_of,
    choices_of,
    describe_range,
    difference,
    explain,
    field_info,
    flatten,
    parse,
    parse_assignments,
    replace,
    require_data,
    setting_groups,
)

__all__ = [
    "GRID",
    "SCHEMA_VERSION",
    "RunConfig",
    "assignments",
    "bounds_of",
    "choices_of",
    "describe_range",
    "difference",
    "explain",
    "field_info",
    "flatten",
    "parse",
    "parse_assignments",
    "replace",
    "require_data",
    "setting_groups",
]
