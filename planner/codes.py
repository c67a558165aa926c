"""Every error code there is, with what it means: the one table that documentation and tests read.

The letter says which part of the input is at fault; a number is never reused.
"""

from __future__ import annotations

CODES: dict[str, str] = {
    # Files
    "F001": "no such file, and no shipped one of that name",
    "F002": "a folder where a file is wanted",
    "F003": "file too large",
    "F004": "file cannot be read or written",
    "F005": "file is empty",
    "F006": "file is binary",
    "F007": "file is not UTF-8 text",
    # YAML
    "Y001": "not YAML",
    "Y002": "key given twice",
    "Y003": "nested too deeply",
    "Y004": "aliases expand to too much",
    "Y005": "number has too many digits",
    "Y006": "number is not finite",
    "Y007": "tab used for indentation",
    "Y008": "more than one document",
    "Y009": "tag that means nothing here",
    "Y010": "key is not plain text",
    "Y011": "files include each other in a circle",
    "Y012": "document is not a mapping",
    "Y013": "alias of an anchor that is not there",
    "Y014": "too many files included",
    # Values, of any authored file
    "V001": "unknown key",
    "V002": "missing key",
    "V003": "wrong type of value",
    "V004": "not one of the values allowed",
    "V005": "number out of range",
    "V006": "quantity without a unit",
    "V007": "not a quantity",
    "V008": "quantity must be positive",
    "V009": "text of the wrong form",
    "V010": "list of the wrong length",
    "V011": "value refused",
    "V012": "unknown preset",
    # Topology
    "T001": "name range cannot be read",
    "T002": "name range is too large",
    "T003": "unknown tier in a row",
    "T004": "row leaves a tier out",
    "T005": "two rows name the same node",
    "T006": "selector selects nothing",
    "T007": "host name template cannot be read",
    "T008": "two nodes share a host name",
    "T009": "outermost tier has an uplink",
    "T010": "tier inside the scale-up domain has an uplink",
    "T011": "tier name is reserved or given twice",
    "T012": "tier has domains with and without an uplink",
    "T013": "rows disagree about one domain",
    "T014": "NICs and GPUs of a node do not fit together",
    "T015": "selector cannot be read",
    "T016": "a scale-up domain inside another",
    "T017": "cluster is too large",
    "T018": "fabric does not fit the tiers",
    "T019": "degraded uplink is not below the whole one",
    "T020": "NICs on a tier other than the node",
    # Rules and assertions
    "R001": "rule of no kind",
    "R002": "several rules in one item",
    "R010": "unknown axis",
    "R011": "axes that overlap",
    "R012": "unknown tier in a rule",
    "R013": "stage that the workload does not have",
    "R014": "ranks that the workload does not have",
    # Usage
    "U001": "command line cannot be understood",
    "U002": "file to write is a folder",
    "U003": "folder to write to is missing",
    "U004": "file may not be written",
    "U005": "file to write is one of the inputs",
    "U006": "rank, tier or number that is not there",
    # Internal
    "X001": "failure that nobody foresaw",
    "X002": "solver's placement failed the check",
}
