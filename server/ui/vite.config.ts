import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [svelte()],
  base: "/",
  worker: { format: "es" },
  build: {
    outDir: "../src/penstock_server/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content policy lets nothing but files be loaded
    modulePreload: { polyfill: false },
    license: { fileName: "licences.md" },
  },
});
