#!/usr/bin/env python3
"""Makes a full service-tags.toml from Microsoft's list, as downloaded from Microsoft.

    python3 service-tags-from-json.py ServiceTags_Public_YYYYMMDD.json > DIR/service-tags.toml

The folder DIR is then given to vnetsim. Also reads the answer of `az network list-service-tags`.
Keeps names, change numbers and prefixes only.
"""

import ipaddress
import json
import re
import sys


def main(path):
    with open(path, encoding="utf-8-sig") as file:
        listed = json.load(file)
    edition = f"change number {listed['changeNumber']}"
    day = re.search(r"_(\d{4})(\d\d)(\d\d)\.json$", path)
    if not day:
        sys.exit(f"{path}: the name does not end in _YYYYMMDD.json, so the edition's date is unknown; rename it")
    print(f'date = "{"-".join(day.groups())}"')
    print(f'sources = ["Azure IP Ranges and Service Tags, cloud {listed["cloud"]}, {edition}"]')
    for tag in sorted(listed["values"], key=lambda tag: tag["name"].lower()):
        prefixes = {ipaddress.ip_network(p) for p in tag["properties"]["addressPrefixes"]}
        if not prefixes:
            continue
        print(f'\n[[tag]]\nname = "{tag["name"]}"')
        print(f'edition = "change number {tag["properties"]["changeNumber"]}"\nipv6 = true\nprefixes = [')
        for net in sorted(prefixes, key=lambda net: (net.version, net)):
            print(f'    "{net}",')
        print("]")


if len(sys.argv) != 2:
    sys.exit(__doc__)
main(sys.argv[1])
