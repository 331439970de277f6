/**
 * `npm run serve`. What the compiler made of the modules is kept for the next start, which halves the work of loading them:
 * so this file imports nothing that the cache should hold.
 */
import { enableCompileCache } from "node:module";
import { join } from "node:path";

// Where it cannot be written, everything is compiled as ever. NODE_COMPILE_CACHE names another folder.
enableCompileCache(join(import.meta.dirname, "../node_modules/.cache/compile"));
await import("./serve.ts");
