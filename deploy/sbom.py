#!/usr/bin/env python3
"""Writes the software bill of materials (CycloneDX 1.5, JSON) of the program to standard output.

    cargo metadata --format-version 1 --locked | deploy/sbom.py

It lists the crates that the program is linked with, and none that only its tests use.
"""
import json
import sys

metadata = json.load(sys.stdin)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
root = next(package for package in metadata["packages"] if package["name"] == "doorward")


def linked(node):
    """The packages that a package is linked with, on Linux."""
    for dependency in node["deps"]:
        for kind in dependency["dep_kinds"]:
            target = kind["target"] or ""
            elsewhere = any(word in target for word in ("windows", "macos", "wasm", "apple", "android"))
            if kind["kind"] is None and not elsewhere:
                yield dependency["pkg"]
                break


seen, waiting = set(), [root["id"]]
while waiting:
    current = waiting.pop()
    if current not in seen:
        seen.add(current)
        waiting.extend(linked(nodes[current]))


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, kind):
    described = {
        "type": kind,
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    }
    if package.get("license"):
        described["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    return described


others = sorted((packages[key] for key in seen - {root["id"]}), key=lambda each: (each["name"], each["version"]))
json.dump(
    {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(root, "application")},
        "components": [component(package, "library") for package in others],
        "dependencies": [
            {"ref": purl(packages[key]), "dependsOn": sorted({purl(packages[other]) for other in linked(nodes[key])})}
            for key in sorted(seen)
        ],
    },
    sys.stdout,
    indent=1,
)
print()
