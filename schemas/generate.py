#!/usr/bin/env python3
"""Writes the tables of this directory from reference data extracted from the specifications.

Tables that it writes are changed here or in the overrides, not by hand, so that they can be made again from newer data:
generate into another directory to look at the difference first.

    DYAD_REFERENCE=../shared/reference python3 schemas/generate.py [target directory]

What the data cannot say, or says wrongly, is in the tables of `generate_overrides.py`, each with its reason.
"""

import csv
import os
import pathlib
import re
import sys
import tomllib

from generate_overrides import (
    ADDED_CHILDREN, ATTRIBUTES, CLAUSES, COMMON, COMMON_ANNOUNCED, COMPLEX, COMPLEX_SKIPPED, DROPPED, FILES, FUNCTIONS, LISTS, MEMBER_MULTIPLICITY,
    MEMBER_PLACE, MEMBER_SHORT, MEMBER_TYPE, MOVED, NUMBERS_ADDED, NUMBERS_REPLACED, OPERATIONS, SDT_TYPES, SECOND_SOURCE_TYPES, SIMPLE, SPECIALISATION_NAMES, VIRTUAL_CHILDREN,
)

ROOT = pathlib.Path(__file__).resolve().parent
REFERENCE = pathlib.Path(os.environ.get("DYAD_REFERENCE", ROOT.parent.parent / "shared" / "reference"))
TARGET = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT


def rows(name):
    with open(REFERENCE / f"{name}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path, header, lines):
    target = TARGET / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"# {header}\n" + "\n".join(lines) + "\n", encoding="utf-8")


def key(name):
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'


def line(short, name, type_, multiplicity="0..1", create=None, update=None, announce=None, since=None, default="NA", empty=False):
    """One attribute. What equals the default of the format is left out."""
    required = multiplicity.startswith("1")
    fields = [f'name = "{name}"', f'type = "{type_}"']
    if multiplicity != "0..1":
        fields.append(f'multiplicity = "{multiplicity}"')
    if empty:
        fields.append("empty = true")
    if create and create != ("M" if required else "O"):
        fields.append(f'create = "{create}"')
    if update and update != "O":
        fields.append(f'update = "{update}"')
    if announce and announce != default:
        fields.append(f'announce = "{announce}"')
    if since:
        fields.append(f'since = "{since}"')
    return f"{key(short)} = {{ {', '.join(fields)} }}"


def element(type_):
    """The element type of "list of X", and whether it was one."""
    match = re.fullmatch(r"[Ll]ist of (.*)", type_)
    return (match.group(1), True) if match else (type_, False)


def cardinality(text, optional):
    text = re.sub(r"\(note\)|\s|\(\(", lambda m: "(" if m.group(0) == "((" else "", text)
    return text or ("0..1" if optional else "1")


class Types:
    """Which data types the tables written so far mention."""

    def __init__(self):
        self.used = set()

    def use(self, name):
        self.used.add(name)
        return name


TYPES = Types()
NUMBERS = {row["long_name"]: int(row["ty"]) for row in rows("resource_types") if row["ty"]}
NAMES = {number: name for name, number in NUMBERS.items()}


def attribute(row, override, default="NA", release=1):
    """An attribute from a row of attributes.csv, None for one that is dropped. One is as old as its type at most, which came with `release`."""
    short = row["short_name"]
    if not short or short in override and override[short] is None:
        return None
    second = row["sources"] == "ACME-only"
    if row["sources"] == "TS-0001":
        return None  # a name in TS-0001 alone has neither type nor optionality
    type_ = SECOND_SOURCE_TYPES.get(row["acme_type"], row["acme_type"]) if not row["data_type"] else row["data_type"]
    fix = override.get(short, {})
    type_ = fix.get("type", type_)
    type_, is_list = element(type_)
    create = fix.get("create", row["create"] or row["acme_create"])
    update = fix.get("update", row["update"] or row["acme_update"])
    multiplicity = fix.get("multiplicity", cardinality(row["multiplicity"], create != "M"))
    if is_list and "L" not in multiplicity and "multiplicity" not in fix:
        multiplicity += "(L)"
    if type_ in LISTS:
        multiplicity = multiplicity.replace("(L)", "")
    since = fix.get("since", "4" if second else None)
    if not since and row["class"] == "specific" and "XSD3.11" in row["sources"] and "XSD2.7" not in row["sources"]:
        since = "3"
    if since and int(since[0]) <= release:
        since = None
    announce = fix.get("announce", row["annc"] or default)
    return line(short, fix.get("name", row["attribute"]), TYPES.use(type_), multiplicity, create, update, announce, since, default, fix.get("empty", False))


def children(number, announced):
    """Numbers of the children of a type, from TS-0001's tables and the table of types."""
    name = NAMES[number]
    found = {row["child"] for row in rows("child_resources") if row["parent"] == name}
    for row in rows("resource_types"):
        parents = [parent.strip().lower() for parent in row["parent_types"].split(",")]
        if name.lower() in parents:
            found.add(row["long_name"])
        if row["ty"] == str(number):
            found |= {child.strip() for child in re.split(r"[,\s]+", row["child_types"])}
    numbers = {NUMBERS[child] for child in found if child in NUMBERS} | set(ADDED_CHILDREN.get(number, []))
    if announced:
        variants = {10000 + child for child in numbers if 10000 + child in NAMES}
        kept = {child - 10000 for child in variants} | ({NUMBERS["subscription"], NUMBERS["transaction"]} & numbers)
        return sorted(variants | (kept - {NUMBERS["mgmtObj"]} if number == 14 else variants | kept))
    return sorted(numbers)


def child_lines(numbers):
    if not numbers:
        return ["children = []"]
    return ["children = [", *[f"    {number}, # {NAMES.get(number, 'unknown')}" for number in numbers], "]"]


def write_common():
    lines = ["", "[common]"]
    for short, (name, type_, multiplicity, create, update, announce, since) in COMMON.items():
        lines.append(line(short, name, TYPES.use(type_), multiplicity, create, update, announce, since))
    lines += ["", "# What an announced variant has besides the announced attributes of its original (TS-0001 9.6.26).", "[commonAnnounced]"]
    for short, (name, type_, multiplicity, create, update, since) in COMMON_ANNOUNCED.items():
        lines.append(line(short, name, TYPES.use(type_), multiplicity, create, update, None, since))
    write("common.toml", "Universal and common attributes (TS-0001 9.6.1.3, TS-0004 6.3.6), in the order that they have in XML.", lines)


def write_type(file):
    """One file per resource type."""
    number, name, root, release, virtual = file
    table = [row for row in rows("attributes") if row["resource_type"] == name]
    override = {**DROPPED, **ATTRIBUTES.get(name, {})}
    common = [short for short in COMMON if any(row["short_name"] == short for row in table) or short == "ty"]
    common = [short for short in COMMON if short in common + ATTRIBUTES.get(name, {}).get("+common", [])]
    clause = next((row["ts0001_clause"] for row in rows("resource_types") if row["long_name"] == name), "")
    clause = clause.split("<")[0] or CLAUSES[name]
    lines = ["", "[type]", f'name = "{name}"', f'root = "m2m:{root}"']
    if number:
        lines.append(f"number = {number}")
    if virtual:
        lines.append("virtual = true")
    lines += [f"release = {release}", f'operations = "{OPERATIONS[name]}"']
    if name in FUNCTIONS:
        lines.append(f'function = "{FUNCTIONS[name]}"')
    if name in VIRTUAL_CHILDREN:
        lines.append(f"virtual_children = [{', '.join(chr(34) + 'm2m:' + child + chr(34) for child in VIRTUAL_CHILDREN[name])}]")
    if number:
        lines.append(f"common = [{', '.join(chr(34) + short + chr(34) for short in common)}]")
        lines += child_lines(children(number, False))
    if 10000 + number in NAMES:
        lines += ["", "[announced]", f'root = "m2m:{root}A"', f"number = {10000 + number}"]
        lines += child_lines(children(number, True))
    specific, changed = [], []
    for row in table:
        short = row["short_name"]
        if short in override and override[short] is None:
            continue
        if short in COMMON:
            fix = {**common_change(row), **override.get(short, {})}
            if fix:
                changed.append(f"{key(short)} = {{ " + ", ".join(f'{k} = "{v}"' for k, v in fix.items()) + " }")
        elif (made := attribute(row, override, release=release)) and made not in specific:
            specific.append(made)
    if changed:
        lines += ["", "# Common attributes that are different here.", "[changed]", *changed]
    if specific:
        lines += ["", "[attributes]", *specific]
    write(f"{name}.toml", f"<{name}> (TS-0001 {clause}).", lines)


def common_change(row):
    """In what the common attribute of a type differs from its line in common.toml."""
    _, _, multiplicity, create, update, announce, _ = COMMON[row["short_name"]]
    change = {}
    for field, ours, theirs in (("create", create, row["create"] or row["acme_create"]), ("update", update, row["update"] or row["acme_update"])):
        if theirs and ours != theirs and (ours, theirs) != ("null", "O"):
            change[field] = theirs
    if row["annc"] and row["annc"] != (announce or "NA") and row["short_name"] != "rn":
        change["announce"] = row["annc"]
    return change


def write_management():
    """One file per specialisation of mgmtObj."""
    base = {row["short_name"] for row in rows("attributes") if row["resource_type"] == "mgmtObj"}
    base |= set(COMMON)
    for row in rows("mgmtobj_specializations"):
        name = row["long_name"]
        source = SPECIALISATION_NAMES.get(name, name)
        table = [entry for entry in rows("attributes") if entry["resource_type"] == source]
        if not table:
            continue
        override = {**DROPPED, **ATTRIBUTES.get(name, {})}
        root = row["acme_typeName"] or f"m2m:{row['short_name']}"
        lines = ["", "[[mgmtObj]]", f'name = "{name}"', f'root = "{root}"', f"definition = {row['mgmtDefinition']}"]
        if row["annc_short_name"]:
            lines.append(f'announced = "m2m:{row["annc_short_name"]}"')
        if root.startswith("dcfg:"):
            lines.append("release = 4")
        lines += ["", "[mgmtObj.attributes]"]
        seen = set()
        for entry in table:
            short = entry["short_name"]
            inherited = short in base and not (short == "cmlk" and entry["class"] == "specific") and not (short == "loc" and name == "deviceInfo")
            if inherited or short in seen:
                continue
            seen.add(short)
            if root.startswith("dcfg:") and override.get(short, {}) is not None:
                override[short] = {"since": "", **override.get(short, {})}  # the whole type is of release 4
            made = attribute(entry, override, "OA")
            if made:
                lines.append(made)
        clause = "TS-0022" if root.startswith("dcfg:") else f"TS-0004 D.{int(row['mgmtDefinition']) - 999}" if int(row["mgmtDefinition"]) <= 1010 else "TS-0004 D.12"
        write(f"mgmtObj/{name}.toml", f"[{name}], a specialisation of <mgmtObj> ({clause}).", lines)


def write_flex():
    """One file per domain of TS-0023; the announced and the instance variant are derived when the file is read."""
    domains = {}
    for row in rows("flexcontainer_specializations"):
        domains.setdefault(row["domain"], []).append(row)
    members = {}
    for row in rows("flexcontainer_attributes"):
        members.setdefault(row["type_name"], []).append(row)
    for domain, entries in domains.items():
        lines, roots = [], {entry["type_name"] for entry in entries}
        for entry in entries:
            root = entry["type_name"]
            if root.endswith(("Annc", "Inst")) or root.endswith("A") and root[:-1] in roots and domain == "m2m":
                continue
            name = ATTRIBUTES.get(root, {}).get("+name", entry["long_name"])
            lines += ["", "[[flexContainer]]", f'name = "{name}"', f'root = "{root}"']
            if entry["containerDefinition"]:
                lines.append(f'definition = "{entry["containerDefinition"]}"')
            if f"{root}A" in roots and domain == "m2m":
                lines.append(f'announced = "{root}A"')
            lines.append("[flexContainer.attributes]")
            for row in in_order(root, members.get(root, [])):
                lines.append(sdt_line(root, row))
            check_variants(root, members)
        clause = "TS-0004 Annex J" if domain == "m2m" else "TS-0023"
        write(f"specialisations/{domain}.toml", f"Specialisations of <flexContainer>, domain {domain} ({clause}).", lines)


def in_order(root, table):
    """The attributes of a specialisation, those that are moved where they belong."""
    for (owner, short), before in MOVED.items():
        if owner == root:
            moved = next(row for row in table if row["short_name"] == short)
            table = [row for row in table if row is not moved]
            table.insert(1 + next(at for at, row in enumerate(table) if row["short_name"] == before), moved)
    return table


def sdt_line(root, row):
    fix = ATTRIBUTES.get(root, {}).get(row["short_name"], {})
    type_ = fix.get("type", SDT_TYPES[row["type"]])
    multiplicity = fix.get("multiplicity", "1" if row["cardinality"] == "1" else "0..1") + ("(L)" if row["type"] == "list" and type_ not in COMPLEX and "type" not in fix else "")
    return line(row["short_name"], row["attribute"], TYPES.use(type_), multiplicity, fix.get("create", row["create"] or None), row["update"] or None, row["annc"] or "OA", None, "OA")


def check_variants(root, members):
    """The derived variants have the attributes that the data gives them."""
    for suffix in ("Annc", "Inst", "A"):
        if root + suffix in members:
            ours, theirs = ({row["short_name"] for row in members.get(name, [])} for name in (root, root + suffix))
            if ours != theirs:
                print(f"{root + suffix}: differs from its base: {ours ^ theirs}", file=sys.stderr)


def write_data_types():
    """Simple types, enumerations, and the complex types that attributes of any resource type lead to."""
    numbers = {}
    for row in rows("enums"):
        if re.fullmatch(r"\d+(\.\.\d+)?", row["value"]):
            numbers.setdefault(row["enum_type"], []).append(row["value"])
    numbers = {**{name: ", ".join(values) for name, values in numbers.items()}, **NUMBERS_REPLACED}
    for name, extra in NUMBERS_ADDED.items():
        numbers[name] = extra
    complex_types = members_of_complex_types()
    wanted = set(TYPES.used) | {element(row["data_type"])[0] for row in rows("attributes")}
    todo, done = list(wanted), set()
    while todo:
        name = todo.pop()
        if name in done:
            continue
        done.add(name)
        todo += [re.search(r'(?:of = ")?([\w:.-]+)', LISTS[name].lstrip("{ ")).group(1)] if name in LISTS else [member[1] for member in complex_types.get(name, {}).values()]
    with open(ROOT / "data_types_of_contents.toml", "rb") as file:
        contents = tomllib.load(file)["complex"]
    unknown = sorted(name for name in done if re.fullmatch(r"\w+:[\w.-]+", name) and name not in SIMPLE and name not in LISTS and name not in numbers and name not in complex_types and name not in contents)
    if unknown:
        print("not defined:", unknown, file=sys.stderr)
    lines = [
        "#",
        "# Members are in the order that they have in XML. `xml` says where one stands if not in an element of its name: in an",
        "# `attribute`, as the `text` beside attributes, in an element without the namespace of its name (`local`), or as one",
        "# `entry` of what is an array in JSON. Contents that are no resources are in `data_types_of_contents.toml`.",
    ]
    lines += ["#", "# A list may be empty where the attribute is optional: clients send `[]` for `no value`.", "", "[simple]"]
    lines += [f"{key(name)} = {value}" for name, value in SIMPLE.items()]
    lines += ["", "# Data types that are lists by themselves, with the type of their elements.", "[list]"]
    for name, value in LISTS.items():
        lines.append(f"{key(name)} = {value}" if value.startswith("{") else f'{key(name)} = "{value}"')
    lines += ["", "# Enumerations and the numbers that they allow.", "[enumeration]"]
    for name in sorted(numbers):
        if name in done and name not in SIMPLE:
            lines.append(f'{key(name)} = "{compact(numbers[name])}"')
    for name in sorted(complex_types):
        if name in done:
            lines += ["", f'[complex."{name}"]']
            for short, (long, type_, multiplicity) in complex_types[name].items():
                part = f', multiplicity = "{multiplicity}"' if multiplicity != "0..1" else ""
                if (name, short) in MEMBER_PLACE:
                    part += f', xml = "{MEMBER_PLACE[name, short]}"'
                lines.append(f'{key(short)} = {{ name = "{long}", type = "{type_}"{part} }}')
    write("data_types.toml", "Data types (TS-0004 6.3): simple types, enumerations, complex types with their members.", lines)


def compact(values):
    """`1, 2, 3, 100..999` as `1..3, 100..999`."""
    ranges = []
    for value in sorted({tuple(int(end) for end in part.split("..")) for part in re.split(r",\s*", values)}):
        low, high = value[0], value[-1]
        if ranges and ranges[-1][1] + 1 == low:
            ranges[-1][1] = high
        else:
            ranges.append([low, high])
    return ", ".join(str(low) if low == high else f"{low}..{high}" for low, high in ranges)


def members_of_complex_types():
    found = {}
    for row in rows("complex_types"):
        owner, path = row["complex_type"], [part.strip().lstrip("@").replace("(base content)", "value") for part in row["element_path"].split("/")]
        if owner in COMPLEX_SKIPPED or owner in COMPLEX:
            continue
        for parent in path[:-1]:
            owner = f"{owner}.{parent}"
        type_, is_list = element(row["data_type"].replace("list of 3 xs:float", "m2m:circRegion"))
        if type_ in ("", "(anonymous)"):
            type_ = f"{owner}.{path[-1]}"
        type_ = MEMBER_TYPE.get(type_, type_)
        short = MEMBER_SHORT.get((owner, path[-1]), row["short_name"])
        if not short:
            print(f"no short name: {owner} {path[-1]}", file=sys.stderr)
            continue
        multiplicity = MEMBER_MULTIPLICITY.get((owner, path[-1]), row["multiplicity"])
        if is_list and type_ not in LISTS:
            multiplicity += "(L)"
        found.setdefault(owner, {})[short] = (path[-1], type_, multiplicity)
    return {**found, **COMPLEX}


def main():
    write_common()
    for file in FILES:
        write_type(file)
    write_management()
    write_flex()
    write_data_types()


if __name__ == "__main__":
    main()
