import { mount } from "svelte";
import App from "./App.svelte";
import "./app.css";
import { applyTheme } from "./lib/preferences.svelte.ts";

applyTheme();
mount(App, { target: document.getElementById("app")! });
