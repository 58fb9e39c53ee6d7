"""Hostile JSON and YAML: (name, text, message). `{canary}` is a file that nobody may open."""

JSON = [
    ("lists_without_end", "[" * 1_000_000, "nested more than 256"),
    ("dictionaries_without_end", '{"a":' * 1_000_000, "nested more than 256"),
    ("depth_behind_quotes", '["\\"", ' * 1_000_000, "nested more than 256"),
    ("millions_of_lists", "[" + "[]," * 2_000_000 + "0]", "more than 1,000,000 lists"),
    ("digits_without_end", "9" * 5_000_000, "an integer of 5,000,000 digits"),
]


def laughs(line, levels=30):
    """Lines that each say twice what the one before says."""
    return "a0: &a0 [x]\n" + "".join(line.format(i=i, j=i - 1) for i in range(1, levels))


YAML = [
    ("call", "!!python/object/apply:os.system ['cat {canary}']", "os.system"),
    ("call_with_names", "!!python/object/apply:open {{args: [{canary}]}}", "apply:open"),
    ("new_object", "!!python/object/new:open ['{canary}']", "object/new:open"),
    ("object", "!!python/object:builtins.open {{}}", "object:builtins.open"),
    ("name", "f: !!python/name:builtins.eval", "name:builtins.eval"),
    ("module", "f: !!python/module:antigravity", "module:antigravity"),
    ("inner", "config: {{layers: [!!python/object/apply:exec ['1']]}}", "apply:exec"),
    ("key", "? !!python/object/apply:exec ['1']\n: 1", "apply:exec"),
    ("short_tag", "!<tag:yaml.org,2002:python/object/apply:exec> ['1']", "apply:exec"),
    ("own_prefix", "%TAG !y! tag:yaml.org,2002:python/\n---\n!y!name:os.system ''", "os.system"),
    ("bytes", "!!python/bytes 'eA=='", "python/bytes"),
    ("long", "!!python/long 1", "python/long"),
    ("include", "!include {canary}", "!include"),
    ("laughs", laughs("a{i}: &a{i} [*a{j}, *a{j}]\n"), "more than 1,000,000"),
    ("laughs_of_keys", laughs("a{i}: &a{i} {{{{b: *a{j}, c: *a{j}}}}}\n"), "more than 1,000,000"),
    (
        "laughs_by_merging",
        laughs("a{i}: &a{i} {{{{<<: [*a{j}, *a{j}]}}}}\n"),
        "more than 1,000,000",
    ),
    ("itself", "&a [*a]", "contains itself"),
    ("itself_as_value", "&a {{b: *a}}", "contains itself"),
    ("blocks_without_end", "- " * 100_000, "nested more than 256"),
    ("keys_without_end", "? " * 100_000, "nested more than 256"),
    ("digits_without_end", "a: " + "9" * 1_000_000, "a number of 1,000,000"),
    ("base_60_without_end", "a: 1" + ":1" * 500_000, "a number of 1,000,001"),
    ("large", "a: b\n" * 1_000_000, "at most 4,194,304 are read"),
]
