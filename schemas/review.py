#!/usr/bin/env python3
"""Compares the tables with the XML schemas of release 2 (v2_7_0): names, presence, lists, data types, enumerations.

    DYAD_REFERENCE=../shared/reference python3 schemas/review.py [--all]

Prints differences that `review_differences.py` does not explain, with `--all` also those that it does; fails if there
are any of the former. Attributes with `since` 2a or later are not expected in the schemas.
"""

import os
import pathlib
import re
import sys
import tomllib
import xml.etree.ElementTree as ElementTree

from review_differences import EXPLAINED, SAME_TYPE

ROOT = pathlib.Path(__file__).resolve().parent
REFERENCE = pathlib.Path(os.environ.get("DYAD_REFERENCE", ROOT.parent.parent / "shared" / "reference"))
XS = "{http://www.w3.org/2001/XMLSchema}"


def parse_schemas():
    """Elements, complex types and simple types of all files, by name."""
    elements, complex_types, simple_types = {}, {}, {}
    for path in sorted((REFERENCE / "xsd" / "v2_7_0").glob("*.xsd")):
        for node in ElementTree.parse(path).getroot():
            target = {"element": elements, "complexType": complex_types, "simpleType": simple_types}.get(node.tag.removeprefix(XS))
            if target is not None and node.get("name"):
                target.setdefault(node.get("name"), node)
    return elements, complex_types, simple_types


ELEMENTS, COMPLEX, SIMPLE = parse_schemas()


def prefixed(name):
    return name if name is None or ":" in name else f"xs:{name}"


def particles(node, optional=False):
    """The element declarations in a complex type, without those of child resources."""
    for child in node:
        tag = child.tag.removeprefix(XS)
        if tag == "element" and child.get("name") and child.get("name") != "childResource":
            yield child, optional or child.get("minOccurs") == "0"
        elif tag in ("sequence", "choice", "complexType", "complexContent", "extension", "all"):
            absent = tag == "choice" or child.get("minOccurs") == "0"
            yield from particles(child, optional or absent)


def list_of(simple):
    """The type of the elements, if a simple type is a list."""
    if simple is None:
        return None
    for node in simple.iter(f"{XS}list"):
        return prefixed(node.get("itemType"))
    return None


def shape(element):
    """The data type of one value, and whether there is an array of them in JSON."""
    many = element.get("maxOccurs", "1") != "1"
    name = prefixed(element.get("type"))
    simple = element.find(f"{XS}simpleType")
    if name is None and simple is not None:
        item = list_of(simple)
        restriction = simple.find(f"{XS}restriction")
        return (item or prefixed(restriction.get("base"))), many or item is not None
    if name and name.startswith("m2m:") and (item := list_of(SIMPLE.get(name[4:]))):
        return item, True
    return name, many


def load_tables():
    types, data_types, common = {}, {"simple": {}, "list": {}, "enumeration": {}, "complex": {}}, {}
    for path in sorted(ROOT.rglob("*.toml")):
        # Those validate nothing: XML is tested against the schemas (`tests/it/serializations`).
        if path.name == "data_types_of_contents.toml":
            continue
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        for section, known in data_types.items():
            known.update(table.get(section, {}))
        common.update(table.get("common", {}))
        if "type" in table:
            types[table["type"]["name"]] = (table["type"].get("common", []), table.get("attributes", {}), table.get("changed", {}))
        for entry in table.get("mgmtObj", []):
            types[entry["name"]] = ([], entry["attributes"], {})
    return types, data_types, common


TYPES, DATA_TYPES, COMMON = load_tables()


def our_shape(line):
    type_, many = line["type"], re.search(r"L|n$|\.\.[2-9]", line.get("multiplicity", "0..1")) is not None
    if type_ in DATA_TYPES["list"]:
        item = DATA_TYPES["list"][type_]
        return (item["of"] if isinstance(item, dict) else item), True
    return type_, many


def same_type(ours, theirs):
    # A nested declaration has no name in the schemas; its members are compared where it has one.
    return theirs is None or ours == theirs or (ours, theirs) in SAME_TYPE


def compare_lines(where, lines, node, found):
    """`lines` are ours by long name; `node` declares theirs."""
    theirs = {element.get("name"): (element, optional) for element, optional in particles(node)}
    for name in sorted(lines.keys() - theirs.keys()):
        if lines[name].get("since", "1") in ("1", "2"):
            found.append((where, name, "not in the schema"))
    for name, (element, optional) in theirs.items():
        if name not in lines:
            found.append((where, name, "not in the table"))
            continue
        line = lines[name]
        required = line.get("multiplicity", "0..1").startswith("1")
        if required == optional:
            found.append((where, name, f"{'required' if required else 'optional'} here, {'optional' if optional else 'required'} there"))
        (our_type, our_list), (their_type, their_list) = our_shape(line), shape(element)
        if our_list != their_list:
            found.append((where, name, f"{'list' if our_list else 'single'} here, {'list' if their_list else 'single'} there"))
        if not same_type(our_type, their_type):
            found.append((where, name, f"{our_type} here, {their_type} there"))


# Generic types have no element of their own: specialisations extend these.
GENERIC = {"mgmtObj": "mgmtResource", "flexContainer": "flexContainerResource"}


def declared_by_base(node):
    """Names that an element inherits from its base type, with those of the base's base."""
    names = {}
    for extension in node.iter(f"{XS}extension"):
        base = (extension.get("base") or "").removeprefix("m2m:")
        if base in COMPLEX:
            names.update(declared_by_base(COMPLEX[base]))
            names.update({element.get("name"): (element, optional) for element, optional in particles(COMPLEX[base])})
    return names


def compare_type(name, found):
    node = ELEMENTS.get(name, COMPLEX.get(GENERIC.get(name)))
    if node is None:
        if name not in ("latest", "oldest"):
            found.append((name, "", "no schema"))
        return
    common, attributes, _ = TYPES[name]
    lines = {line["name"]: line for line in attributes.values()}
    inherited = declared_by_base(node)
    own = {COMMON[short]["name"]: COMMON[short] for short in common if COMMON[short]["name"] not in inherited and short not in ("rn",)}
    compare_lines(name, {**lines, **own}, node, found)
    if not common:
        return
    expected = {COMMON[short]["name"] for short in common if COMMON[short].get("since", "1") < "2a" and COMMON[short]["name"] not in own}
    for missing in sorted(inherited.keys() - expected):
        found.append((name, missing, "common attribute not in the table"))
    declared = {element.get("name") for element, _ in particles(node)}
    for extra in sorted(expected - inherited.keys() - {"resourceName"} - declared):
        found.append((name, extra, "common attribute not in the schema"))


def compare_announced(name, found):
    """Which attributes the announced variant has."""
    node, (common, attributes, _) = ELEMENTS.get(f"{name}Annc"), TYPES[name]
    if node is None:
        return
    theirs = {element.get("name") for element, _ in particles(node)}
    default = "OA" if not common else "NA"
    ours = {line["name"] for line in attributes.values() if line.get("announce", default) != "NA" and line.get("since", "1") < "2a"}
    for missing in sorted(theirs - ours):
        found.append((f"{name}Annc", missing, "announced there, not here"))
    for extra in sorted(ours - theirs):
        found.append((f"{name}Annc", extra, "announced here, not there"))


def compare_enumerations(found):
    for name, text in DATA_TYPES["enumeration"].items():
        node = SIMPLE.get(name.removeprefix("m2m:"))
        if node is None:
            continue
        theirs = {int(value.get("value")) for value in node.iter(f"{XS}enumeration") if re.fullmatch(r"\d+", value.get("value"))}
        ours = set()
        for part in text.split(","):
            low, _, high = part.strip().partition("..")
            ours |= set(range(int(low), int(high or low) + 1))
        if theirs - ours:
            found.append((name, "", f"values missing here: {sorted(theirs - ours)}"))
        if theirs and ours - theirs:
            found.append((name, "", f"values not in the schema: {len(ours - theirs)}, from {min(ours - theirs)} on"))


def main():
    found = []
    for name in TYPES:
        compare_type(name, found)
        compare_announced(name, found)
    for name, members in DATA_TYPES["complex"].items():
        node = COMPLEX.get(name.removeprefix("m2m:"))
        if node is not None:
            compare_lines(name, {line["name"]: line for line in members.values()}, node, found)
    compare_enumerations(found)
    unexplained = 0
    for where, name, difference in found:
        reason = next((EXPLAINED[key] for key in ((where, name), (where, "*"), ("*", name), ("*", difference.split(":")[0])) if key in EXPLAINED), None)
        if reason is None:
            unexplained += 1
        if reason is None or "--all" in sys.argv:
            print(f"{where}{'.' if name else ''}{name}: {difference}{f'  ({reason})' if reason else ''}")
    print(f"{len(found)} differences, {unexplained} of them unexplained")
    return unexplained > 0


if __name__ == "__main__":
    sys.exit(main())
