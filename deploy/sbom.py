#!/usr/bin/env python3
"""Writes the software bill of materials (CycloneDX 1.5, JSON) of the program to standard output.

    deploy/sbom.py [TARGET] > sbom.json

It lists the crates that cargo builds the program of for this target (Linux on x86_64), with the features that are in use:
none that only tests, build scripts, other features or other systems need.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

TARGET = sys.argv[1] if len(sys.argv) > 1 else "x86_64-unknown-linux-gnu"
ROOT = Path(__file__).resolve().parent.parent


def cargo(*arguments):
    command = ["cargo", *arguments, "--locked"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


# A line begins with the depth of its package; its dependencies follow one deeper. A repeated
# package has its dependencies at its first line.
tree = cargo("tree", "-p", "doorward", "-e", "normal", "--target", TARGET, "--prefix", "depth")
edges, path = {}, []
for line in filter(None, tree.splitlines()):
    depth, name, version = re.match(r"(\d+)(\S+) v(\S+)", line).groups()
    package = (name, version)
    del path[int(depth):]
    edges.setdefault(package, set())
    if path:
        edges[path[-1]].add(package)
    path.append(package)

metadata = json.loads(cargo("metadata", "--format-version", "1", "--filter-platform", TARGET))
licences = {(each["name"], each["version"]): each["license"] for each in metadata["packages"]}
root = next(package for package in edges if package[0] == "doorward")


def purl(package):
    return "pkg:cargo/{}@{}".format(*package)


def component(package, kind):
    name, version = package
    described = {"type": kind, "bom-ref": purl(package), "name": name, "version": version, "purl": purl(package)}
    if licences[package]:
        described["licenses"] = [{"expression": licences[package].replace("/", " OR ")}]
    return described


json.dump(
    {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(root, "application")},
        "components": [component(package, "library") for package in sorted(edges) if package != root],
        "dependencies": [
            {"ref": purl(package), "dependsOn": sorted(map(purl, edges[package]))} for package in sorted(edges)
        ],
    },
    sys.stdout,
    indent=1,
)
print()
