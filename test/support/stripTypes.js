import { stripTypeScriptTypes } from "node:module";

/** Jest's transform: types become spaces, so lines and columns in a stack trace stay those of the source. */
export default { process: (source) => ({ code: stripTypeScriptTypes(source, { mode: "strip" }) }) };
