import "graphile-build-pg";

/**
 * PostGraphile puts the schema's name before everything that is not of the first schema. The API has one vocabulary over
 * both: `deviceKeys`, never `appVaultDeviceKeys`. Two objects of one name would be an error when the schema is built.
 */
export const VaultInflectionPlugin: GraphileConfig.Plugin = {
  name: "VaultInflectionPlugin",
  description: "Names what is in the vault without its schema",
  version: "1.0.0",
  inflection: {
    replace: {
      _schemaPrefix: () => "",
    },
  },
};
