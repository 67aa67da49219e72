// node check.mjs FILE: what AsyncAPI's own parser finds wrong with it, a line each; the exit code is 0 where that is nothing.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
for (const each of diagnostics) {
  console.log(`${each.severity} ${each.code} ${each.path.join("/")}: ${each.message}`);
}
const channels = document?.channels().all().length ?? 0;
const messages = document?.messages().all().length ?? 0;
console.log(`${channels} channels, ${messages} messages`);
process.exit(document === undefined || diagnostics.some((each) => each.severity < 2) ? 1 : 0);
