"""Reads reports as other programs do.

    python report_consumers.py --junit-schema junit-10.xsd REPORT...

The JSON files of each REPORT must be valid under the published schemas (`conformance/schema/report`). Its junit.xml
must be valid under the schema that Jenkins publishes, must name each test once, and two programs that know nothing of
this one, junitparser and junit2html, must count in it what results.json says.

requires: jsonschema, junit2html, junitparser, xmlschema
"""

import argparse
import copy
import json
import pathlib
import sys
from collections import Counter

import jsonschema
import junit2htmlreport.parser
import junitparser
import xmlschema

SCHEMAS = pathlib.Path(__file__).parent / "schema" / "report"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--junit-schema", type=pathlib.Path, required=True)
    parser.add_argument("reports", nargs="+", type=pathlib.Path, metavar="REPORT")
    arguments = parser.parse_args()
    junit_schema = xmlschema.XMLSchema(arguments.junit_schema)
    problems = []
    for report in arguments.reports:
        found = [*json_problems(report), *junit_problems(report, junit_schema)]
        problems += [f"{report}: {problem}" for problem in found]
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"{len(arguments.reports)} reports are read as they were written")
    return 1 if problems else 0


def json_problems(report: pathlib.Path):
    for path in sorted(SCHEMAS.glob("*.json")):
        validator = jsonschema.Draft202012Validator(json.loads(path.read_text()))
        value = json.loads((report / path.name).read_text())
        for error in validator.iter_errors(value):
            yield f"{path.name}: {error.json_path}: {error.message}"
        # A schema that accepts anything proves nothing.
        for name, wrong in variants(value):
            if validator.is_valid(wrong):
                yield f"{path.name}: the schema accepts a file with {name}"


def variants(value):
    """The same file with one mistake each."""
    unknown = copy.deepcopy(value)
    unknown["unknown"] = 1
    yield "an unknown field", unknown
    missing = copy.deepcopy(value)
    first = next(iter(missing))
    del missing[first]
    yield f"no {first}", missing
    retyped = copy.deepcopy(value)
    retyped[first] = []
    yield f"a list as {first}", retyped


def junit_problems(report: pathlib.Path, schema: xmlschema.XMLSchema):
    path = report / "junit.xml"
    for error in schema.iter_errors(path):
        yield f"junit.xml: {error.path}: {error.reason}"
    outcomes = json.loads((report / "results.json").read_text())["outcomes"]

    suites = junitparser.JUnitXml.fromfile(str(path))
    cases = [case for suite in suites for case in suite]
    names = Counter((case.classname, case.name) for case in cases)
    for name, count in names.items():
        if count > 1:
            yield f"junit.xml: {count} tests are called {name}"
    if len(cases) != len(outcomes):
        yield f"junitparser: {len(cases)} tests of {len(outcomes)}"
    kinds = Counter(type(result).__name__ for case in cases for result in case.result)
    stated = {"Failure": suites.failures, "Error": suites.errors, "Skipped": suites.skipped}
    for kind, count in stated.items():
        if kinds[kind] != count:
            yield f"junitparser: {kinds[kind]} of kind {kind}, but the totals say {count}"

    other = junit2htmlreport.parser.Junit(str(path))
    results = Counter(case.outcome() for suite in other.suites for each in suite.classes.values() for case in each.cases)
    expected = {
        "passed": len(cases) - sum(stated.values()),
        "failed": suites.failures + suites.errors,
        "skipped": suites.skipped,
    }
    for outcome, count in expected.items():
        if results[outcome] != count:
            yield f"junit2html: {results[outcome]} {outcome}, expected {count}"


if __name__ == "__main__":
    sys.exit(main())
