import js from "@eslint/js";
import sortImports from "eslint-plugin-simple-import-sort";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules/", ".data/", "coverage/", "dist/"] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    plugins: { "simple-import-sort": sortImports },
    rules: {
      curly: "error",
      eqeqeq: "error",
      "no-undef": "off",
      "no-console": "error",
      "no-empty": ["error", { allowEmptyCatch: false }],
      "max-lines": ["error", { max: 300, skipComments: true, skipBlankLines: true }],
      "max-lines-per-function": ["error", { max: 60, skipComments: true, skipBlankLines: true }],
      "simple-import-sort/imports": "error",
      "simple-import-sort/exports": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-restricted-properties": [
        "error",
        {
          object: "process",
          property: "env",
          message: "The environment is read in src/config.ts only; take a Config as a parameter.",
        },
      ],
    },
  },
  {
    files: ["src/config.ts", "scripts/**", "test/**", "bench/**"],
    rules: { "no-restricted-properties": "off" },
  },
  { files: ["src/commands/**", "scripts/**", "bench/**"], rules: { "no-console": "off" } },
  { files: ["test/**"], rules: { "max-lines-per-function": "off" } },
);
